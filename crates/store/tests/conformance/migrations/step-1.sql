CREATE SCHEMA skein;
CREATE SCHEMA skein_journal;
CREATE TABLE skein.migration (
    number bigint NOT NULL,
    name text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE skein_journal.dictionary (
    id bigint NOT NULL,
    bytes bytea NOT NULL
);
CREATE TABLE skein_journal.entry (
    pos bigint NOT NULL,
    received bigint NOT NULL,
    ident bigint,
    source integer NOT NULL,
    feed integer NOT NULL,
    dictionary integer NOT NULL,
    kind smallint NOT NULL,
    digest bytea,
    about text,
    ack bytea,
    body bytea NOT NULL
);
ALTER TABLE ONLY skein_journal.entry ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE TABLE skein_journal.name (
    id bigint NOT NULL,
    text text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE skein_journal.writer (
    token bigint NOT NULL,
    batch bigint NOT NULL
);
INSERT INTO skein.migration VALUES (1, 'journal', '2026-11-27 08:17:28.814496+00');
INSERT INTO skein_journal.entry VALUES (1, 1800000000000000, -7197442869775625591, 1, 2, 0, 1, '\x8994c97df65d85881b063a0464c22f3f', NULL, '\x4d53417c4141', '\x28b52ffd20094900004d53487c6669727374');
INSERT INTO skein_journal.entry VALUES (2, 1800000000000000, -2313659291478780744, 1, 2, 0, 1, '\x0e2a25c9ba78a4b2a9421484ccd9ab8c', NULL, '\x4d53417c4141', '\x28b52ffd200a5100004d53487c7365636f6e64');
INSERT INTO skein_journal.entry VALUES (3, 1800000000000000, -6052737981711078882, 1, 2, 0, 1, '\xd6490e4f0be70e14b1ba7747b0fdb95f', NULL, '\x4d53417c4141', '\x28b52ffd20094900004d53487c7468697264');
INSERT INTO skein_journal.name VALUES (1, 'pas');
INSERT INTO skein_journal.name VALUES (2, 'adt');
INSERT INTO skein_journal.writer VALUES (3282966008729174023, 3);
ALTER TABLE ONLY skein.migration
    ADD CONSTRAINT migration_pkey PRIMARY KEY (number);
ALTER TABLE ONLY skein_journal.dictionary
    ADD CONSTRAINT dictionary_pkey PRIMARY KEY (id);
ALTER TABLE ONLY skein_journal.entry
    ADD CONSTRAINT entry_pkey PRIMARY KEY (pos);
ALTER TABLE ONLY skein_journal.name
    ADD CONSTRAINT name_pkey PRIMARY KEY (id);
ALTER TABLE ONLY skein_journal.name
    ADD CONSTRAINT name_text_key UNIQUE (text);
ALTER TABLE ONLY skein_journal.writer
    ADD CONSTRAINT writer_pkey PRIMARY KEY (token);
CREATE INDEX entry_decision ON skein_journal.entry USING btree (kind, source, pos) WHERE (kind > 2);
CREATE INDEX entry_ident ON skein_journal.entry USING btree (ident) WHERE (ident IS NOT NULL);
