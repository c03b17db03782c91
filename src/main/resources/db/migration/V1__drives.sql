-- Drives that are open again after a restart. No passphrase is ever stored.
create table drive (
    id varchar(64) primary key,
    file varchar(4096) not null,           -- the image, relative to the image root
    options text not null,                 -- JSON: the open options, as a request gives them
    passphrase_given boolean not null      -- opened with a passphrase that is not kept
);
