-- Tickets that are good until they expire. Their secrets are never stored.
create table ticket (
    id varchar(64) primary key,
    token_digest varchar(64) not null unique,  -- SHA-256 of the secret
    drive varchar(64) not null,                -- not all drives are noted in the table drive
    may_read boolean not null,
    may_write boolean not null,
    size_bytes bigint,
    timeout_seconds bigint not null,
    inactivity_timeout_seconds bigint,
    bitmap text,
    since_snapshot text,
    until_snapshot text,
    created timestamp(6) with time zone not null,
    renewed timestamp(6) with time zone not null,
    used boolean not null
);
