-- The words of cases are domains. PostgreSQL reads the text of a CHECK of a table anew for every statement that writes to it, that of a
-- domain once in a connection: of what storing a case took, half was its four lists of words. The tables are rewritten under a lock.

CREATE DOMAIN case_type AS text COLLATE house CHECK (VALUE IN ('incident', 'request'));
CREATE DOMAIN case_priority AS text COLLATE house CHECK (VALUE IN ('P1', 'P2', 'P3', 'P4', 'P5'));
CREATE DOMAIN case_status AS text COLLATE house
    CHECK (VALUE IN ('new', 'in_progress', 'pending_customer', 'pending_supplier', 'resolved', 'closed', 'cancelled'));
CREATE DOMAIN case_origin AS text COLLATE house CHECK (VALUE IN ('api', 'portal', 'email', 'phone', 'monitoring'));
CREATE DOMAIN case_message_type AS text COLLATE house CHECK (VALUE IN ('customer', 'support', 'system'));

ALTER TABLE cases
    DROP CONSTRAINT cases_type_check,
    DROP CONSTRAINT cases_priority_check,
    DROP CONSTRAINT cases_status_check,
    DROP CONSTRAINT cases_origin_check,
    ALTER COLUMN type TYPE case_type,
    ALTER COLUMN priority TYPE case_priority,
    ALTER COLUMN status TYPE case_status,
    ALTER COLUMN origin TYPE case_origin;

ALTER TABLE case_messages
    DROP CONSTRAINT case_messages_type_check,
    ALTER COLUMN type TYPE case_message_type;
