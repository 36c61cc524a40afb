-- An upload whose message a sweeper sends for the first time may have an earlier one, which its API couldn't note: that
-- is worked on sooner than what was sent before the sweep, and mustn't make all of that count as lost.

-- Rows of before satisfy a stricter check: reading all of them would hold a lock that stops every upload meanwhile.
ALTER TABLE uploads DROP CONSTRAINT uploads_requeued_for_check;
ALTER TABLE uploads ADD CONSTRAINT uploads_requeued_for_check
    CHECK (requeued_for IN ('unpublished', 'retry', 'lease_lost', 'message_lost')) NOT VALID;

-- Every sweep asks for the latest of those that their APIs published. Those that sweepers sent, after an outage all of
-- the latest, aren't among them.
CREATE INDEX uploads_claimed_in_order ON uploads (published_at)
    WHERE status IN ('processing', 'succeeded', 'rejected', 'failed', 'superseded') AND published_at IS NOT NULL
        AND requeued_for IS NULL;
DROP INDEX uploads_claimed;

UPDATE pfp_installation SET schema_version = 3;
