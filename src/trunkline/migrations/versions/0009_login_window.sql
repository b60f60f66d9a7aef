-- Ten failed logins within any quarter of an hour lock, so each is remembered by its instant. What was counted so far is forgotten.

DELETE FROM login_failures;

ALTER TABLE login_failures
    DROP COLUMN failures,
    ADD COLUMN failed_at timestamptz[] NOT NULL CHECK (failed_at <> '{}');  -- those that still counted at the last of them, oldest first

ALTER TABLE login_failures RENAME COLUMN since TO last_failed_at;
