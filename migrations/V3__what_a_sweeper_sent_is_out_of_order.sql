-- An upload whose message a sweeper sends for the first time may have an earlier one, which its API couldn't note: that
-- is worked on sooner than what was sent before the sweep, and mustn't make all of that count as lost.

ALTER TABLE uploads DROP CONSTRAINT uploads_requeued_for_check;
ALTER TABLE uploads ADD CONSTRAINT uploads_requeued_for_check
    CHECK (requeued_for IN ('unpublished', 'retry', 'lease_lost', 'message_lost')) NOT VALID;
ALTER TABLE uploads VALIDATE CONSTRAINT uploads_requeued_for_check;

UPDATE pfp_installation SET schema_version = 3;
