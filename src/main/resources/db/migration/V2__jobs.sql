-- Jobs that wait, run or have ended. No passphrase is ever stored.
create table job (
    id varchar(64) primary key,
    type varchar(64) not null,
    request text not null,                 -- JSON, as the caller wrote it, but for passphrases
    request_complete boolean not null,     -- whether there was none to leave out
    idempotency_key varchar(255),
    fingerprint varchar(64),               -- SHA-256 of the request that came with the key
    state varchar(16) not null,
    done_bytes bigint not null,
    total_bytes bigint not null,
    bytes_per_second bigint not null,
    created timestamp(6) with time zone not null,
    started timestamp(6) with time zone,
    ended timestamp(6) with time zone,
    result text,                           -- JSON, as it is shown
    problem text                           -- likewise
);
