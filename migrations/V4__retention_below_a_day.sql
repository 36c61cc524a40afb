-- Final uploads with an idempotency key are kept for a day whatever the retention is. Where that is shorter, each sweep
-- asks for those without a key, and needn't pass over the others.
CREATE INDEX uploads_finished_without_key ON uploads (finished_at)
    WHERE finished_at IS NOT NULL AND idempotency_key IS NULL;

UPDATE pfp_installation SET schema_version = 4;
