-- Users who erase themselves and come back don't upload more often than others.

CREATE TABLE erased_users (
    id_sha256 bytea PRIMARY KEY,
    upload_tokens double precision NOT NULL,
    upload_tokens_at timestamptz NOT NULL,
    erased_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE erased_users IS 'The rate limit''s token buckets of users that were erased within the last minutes.';
COMMENT ON COLUMN erased_users.id_sha256 IS 'SHA-256 of the user''s id in UTF-8: the id itself is not kept.';
COMMENT ON COLUMN erased_users.upload_tokens IS 'As in users.';
COMMENT ON COLUMN erased_users.upload_tokens_at IS 'As in users; a bucket is full again a minute later.';
COMMENT ON COLUMN erased_users.erased_at IS 'Swept two minutes later.';

UPDATE pfp_installation SET schema_version = 2;
