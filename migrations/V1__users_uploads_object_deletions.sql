-- The first schema: who has which picture, every upload's life, and what is to be deleted from the bucket.
-- Later migrations only add: old and new binaries run side by side during a rolling update.

CREATE TABLE pfp_installation (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    database_id uuid NOT NULL DEFAULT gen_random_uuid(),
    bucket_id uuid,
    schema_version integer NOT NULL,
    oldest_runnable_version integer NOT NULL,
    listing_cursor text,
    listing_objects bigint NOT NULL DEFAULT 0,
    listing_started_at timestamptz,
    listing_finished_at timestamptz
);
COMMENT ON TABLE pfp_installation IS 'One row: what this database is, which bucket belongs to it, and which binaries may run on it.';
COMMENT ON COLUMN pfp_installation.database_id IS 'Names this database in the marker object of its bucket.';
COMMENT ON COLUMN pfp_installation.bucket_id IS 'The bucket that belongs to this database, as its marker object says; null until the first start.';
COMMENT ON COLUMN pfp_installation.schema_version IS 'The number of the newest migration that was applied.';
COMMENT ON COLUMN pfp_installation.oldest_runnable_version IS 'Binaries built for an older schema than this must not run any more.';
COMMENT ON COLUMN pfp_installation.listing_cursor IS 'The last object key that the listing of the bucket has compared; null when no listing is under way.';
COMMENT ON COLUMN pfp_installation.listing_objects IS 'Objects that the listing under way has compared so far.';
COMMENT ON COLUMN pfp_installation.listing_started_at IS 'When the listing under way began, or the last one did.';
COMMENT ON COLUMN pfp_installation.listing_finished_at IS 'When the last whole listing ended.';
INSERT INTO pfp_installation (schema_version, oldest_runnable_version) VALUES (1, 1);

-- One sequence for all users: it never goes back, so an erased user who comes back continues above what was.
CREATE SEQUENCE picture_generations AS bigint;

CREATE TABLE users (
    id text PRIMARY KEY CHECK (char_length(id) BETWEEN 1 AND 255),
    profile_picture_url text,
    picture_key text,
    picture_upload_id uuid,
    picture_generation bigint NOT NULL DEFAULT 0,
    upload_tokens double precision,
    upload_tokens_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 80);
COMMENT ON TABLE users IS 'Who uploads pictures, and what each shows now. Another system may insert ids and delete rows.';
COMMENT ON COLUMN users.id IS 'The claim sub of the user''s tokens.';
COMMENT ON COLUMN users.profile_picture_url IS 'Address of the picture that the user shows, made from picture_key; null without one.';
COMMENT ON COLUMN users.picture_key IS 'Object key of the picture that the user shows: the truth that the address is made from.';
COMMENT ON COLUMN users.picture_upload_id IS 'The upload that the shown picture came from.';
COMMENT ON COLUMN users.picture_generation IS 'Generation of what the user shows, or of the deletion of the picture; only a higher one may replace it.';
COMMENT ON COLUMN users.upload_tokens IS 'What the rate limit''s token bucket held at upload_tokens_at; null is a full bucket.';
COMMENT ON COLUMN users.upload_tokens_at IS 'When upload_tokens was counted.';
CREATE INDEX users_picture_key ON users (picture_key) WHERE picture_key IS NOT NULL;

CREATE TABLE uploads (
    id uuid PRIMARY KEY,
    user_id text NOT NULL REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE,
    generation bigint,
    status text NOT NULL CHECK (status IN
        ('receiving', 'queued', 'processing', 'succeeded', 'rejected', 'failed', 'superseded', 'cancelled')),
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    claims integer NOT NULL DEFAULT 0,
    size_bytes bigint,
    content_type text,
    content_sha256 bytea,
    crop jsonb,
    idempotency_key text,
    picture_key text,
    failure jsonb,
    revision bigint NOT NULL DEFAULT 1,
    claim_token uuid,
    lease_until timestamptz,
    run_after timestamptz NOT NULL DEFAULT now(),
    run_alone boolean NOT NULL DEFAULT false,
    requeued_for text CHECK (requeued_for IN ('retry', 'lease_lost', 'message_lost')),
    published_at timestamptz,
    trace_context text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    CHECK ((status = 'receiving') = (generation IS NULL)),
    CHECK ((status = 'processing') = (claim_token IS NOT NULL)),
    CHECK ((status IN ('receiving', 'processing')) = (lease_until IS NOT NULL)),
    CHECK ((status IN ('succeeded', 'rejected', 'failed', 'superseded', 'cancelled')) = (finished_at IS NOT NULL)),
    CHECK (status NOT IN ('rejected', 'failed') OR failure IS NOT NULL)
) WITH (fillfactor = 70);
COMMENT ON TABLE uploads IS 'One row for every picture upload. The row is the job and the outbox: what it says is due is published, whatever happened to a message.';
COMMENT ON COLUMN uploads.id IS 'UUIDv7, also the job''s id; the staged object is staging/{id}.';
COMMENT ON COLUMN uploads.generation IS 'From picture_generations, taken under the user''s row lock when the upload was accepted; null while receiving.';
COMMENT ON COLUMN uploads.status IS 'receiving is never shown to a client.';
COMMENT ON COLUMN uploads.attempts IS 'Claims that count: given back when a dependency was at fault or the worker was asked to stop.';
COMMENT ON COLUMN uploads.claims IS 'Claims in all, those that don''t count included: the wait before the next one grows with them.';
COMMENT ON COLUMN uploads.size_bytes IS 'Bytes of the file as received.';
COMMENT ON COLUMN uploads.content_type IS 'What the content is, by its first bytes; null while receiving.';
COMMENT ON COLUMN uploads.content_sha256 IS 'SHA-256 of the file as received, to tell a repeated request from a reused idempotency key.';
COMMENT ON COLUMN uploads.crop IS 'The client''s rectangle {x, y, width, height} in pixels of the upright picture; null is centred.';
COMMENT ON COLUMN uploads.idempotency_key IS 'The request''s Idempotency-Key, for a day.';
COMMENT ON COLUMN uploads.picture_key IS 'While processing: the key that this claim may put. Once succeeded: the live picture, null after it was replaced or deleted.';
COMMENT ON COLUMN uploads.failure IS 'Why it was rejected or failed: code, detail, limit, actual, allowed, detected.';
COMMENT ON COLUMN uploads.revision IS 'Grows with every change that a client can see; the ETag.';
COMMENT ON COLUMN uploads.claim_token IS 'Random, new for every claim: whoever doesn''t hold it can''t change the row.';
COMMENT ON COLUMN uploads.lease_until IS 'When the API that receives it, or the worker that holds it, is taken for dead.';
COMMENT ON COLUMN uploads.run_after IS 'Not to be claimed or published before.';
COMMENT ON COLUMN uploads.run_alone IS 'A worker died with it: it runs with no other job beside it, so that it can''t take others down.';
COMMENT ON COLUMN uploads.requeued_for IS 'Why it went back to queued, or why its message is published again.';
COMMENT ON COLUMN uploads.published_at IS 'When its message was last confirmed by the broker; null when one is due.';
COMMENT ON COLUMN uploads.trace_context IS 'W3C traceparent of the request, carried to the worker.';
COMMENT ON COLUMN uploads.created_at IS 'When it was accepted, taken under the user''s row lock; before that, when it was reserved.';
COMMENT ON COLUMN uploads.finished_at IS 'When it became final.';

-- Listing a user's uploads, newest first; also the proof that no generation is used twice.
CREATE UNIQUE INDEX uploads_user_generation ON uploads (user_id, generation DESC);
-- The in-flight limit counts these under the user's row lock.
CREATE INDEX uploads_unfinished ON uploads (user_id) WHERE status IN ('receiving', 'queued', 'processing');
CREATE UNIQUE INDEX uploads_idempotency_key ON uploads (user_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
-- The sweeper: what is to be published, what was published and not claimed, whose lease may be lost.
CREATE INDEX uploads_unpublished ON uploads (run_after) WHERE status = 'queued' AND published_at IS NULL;
CREATE INDEX uploads_published ON uploads (published_at) WHERE status = 'queued' AND published_at IS NOT NULL;
CREATE INDEX uploads_claimed ON uploads (published_at)
    WHERE status IN ('processing', 'succeeded', 'rejected', 'failed', 'superseded') AND published_at IS NOT NULL;
CREATE INDEX uploads_lease ON uploads (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX uploads_finished ON uploads (finished_at) WHERE finished_at IS NOT NULL;
-- Gauges and the operator's list of what the system gave up on.
CREATE INDEX uploads_failed ON uploads (finished_at) WHERE status = 'failed';
CREATE INDEX uploads_oldest_unfinished ON uploads (created_at) WHERE status IN ('queued', 'processing');
-- The listing asks which keys are named by a row.
CREATE INDEX uploads_picture_key ON uploads (picture_key) WHERE picture_key IS NOT NULL;

CREATE TABLE object_deletions (
    object_key text PRIMARY KEY,
    listed_at timestamptz NOT NULL DEFAULT now(),
    retry_at timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0,
    last_error text
);
COMMENT ON TABLE object_deletions IS 'Objects that nothing names any more: deleted from the bucket until that succeeds.';
COMMENT ON COLUMN object_deletions.object_key IS 'A key in the bucket. No key is ever used again, so deleting twice is harmless.';
COMMENT ON COLUMN object_deletions.retry_at IS 'When a sweeper may try next; infinity: found by a listing, and held until it has shown that there are not too many.';
CREATE INDEX object_deletions_retry ON object_deletions (retry_at);

-- Whoever deletes a row, another system included, leaks nothing: the row's objects become deletions.
CREATE FUNCTION pfp_list_objects_of_deleted_upload() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Staged bytes exist until the upload is final; a failed one keeps them for a replay.
    IF OLD.status IN ('receiving', 'queued', 'processing', 'failed') THEN
        INSERT INTO object_deletions (object_key) VALUES ('staging/' || OLD.id) ON CONFLICT DO NOTHING;
    END IF;
    -- The picture of a succeeded upload lives on for as long as the user shows it.
    IF OLD.picture_key IS NOT NULL
        AND NOT EXISTS (SELECT FROM users WHERE id = OLD.user_id AND picture_key = OLD.picture_key) THEN
        INSERT INTO object_deletions (object_key) VALUES (OLD.picture_key) ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER uploads_list_objects AFTER DELETE ON uploads
    FOR EACH ROW EXECUTE FUNCTION pfp_list_objects_of_deleted_upload();

CREATE FUNCTION pfp_list_objects_of_deleted_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.picture_key IS NOT NULL THEN
        INSERT INTO object_deletions (object_key) VALUES (OLD.picture_key) ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER users_list_objects AFTER DELETE ON users
    FOR EACH ROW EXECUTE FUNCTION pfp_list_objects_of_deleted_user();
