-- Webhooks (docs/decisions/0014-webhooks.md). Rules of every table: 0001_foundation.sql.

CREATE SEQUENCE webhook_endpoint_references AS bigint START 1001;

CREATE TABLE webhook_endpoints (
    tenant_id            uuid NOT NULL REFERENCES tenants (tenant_id),
    id                   uuid NOT NULL,
    reference            text NOT NULL COLLATE house,
    account_id           uuid,                      -- the owner, who hears of its own branch; NULL: the operator, who hears of everything
    customer_id          uuid,
    url                  text NOT NULL COLLATE house CHECK (length(url) BETWEEN 1 AND 2048),
    description          text NOT NULL COLLATE house DEFAULT '',
    event_types          text[] NOT NULL CHECK (cardinality(event_types) > 0),  -- case.opened, case.*, *
    permissions          text[] NOT NULL,           -- of whoever chose the event types: it hears only what these may read
    secret               bytea,                     -- sealed (kit.keyring), as are the other three; erased when the endpoint is removed
    signing_key          bytea,
    public_key           text NOT NULL COLLATE house,  -- of the signing key, as it is shown
    previous_secret      bytea,
    previous_signing_key bytea,
    previous_until       timestamptz,               -- until then the previous ones sign too
    status               text NOT NULL COLLATE house CHECK (status IN ('active', 'paused', 'disabled')),
    disabled_reason      text COLLATE house CHECK (disabled_reason IN ('gone', 'failing')),
    failing_since        timestamptz,               -- no try has succeeded since; not part of the version
    held_until           timestamptz,               -- the receiver asked for a pause (Retry-After); not part of the version
    since                bigint NOT NULL,           -- it hears of events with higher numbers
    removed_at           timestamptz,
    version              bigint NOT NULL DEFAULT 1,
    created_at           timestamptz NOT NULL,
    modified_at          timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, reference),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts (tenant_id, id),
    CHECK ((account_id IS NULL) = (customer_id IS NULL)),
    CHECK ((status = 'disabled') = (disabled_reason IS NOT NULL)),
    CHECK ((removed_at IS NULL) = (secret IS NOT NULL)),
    CHECK ((secret IS NULL) = (signing_key IS NULL)),
    CHECK ((previous_secret IS NULL) = (previous_signing_key IS NULL) AND (previous_secret IS NULL) = (previous_until IS NULL)),
    CHECK (removed_at IS NULL OR previous_secret IS NULL)
);
CREATE INDEX webhook_endpoints_by_customer ON webhook_endpoints (tenant_id, customer_id, reference) WHERE removed_at IS NULL;
CREATE INDEX webhook_endpoints_by_account ON webhook_endpoints (tenant_id, account_id, reference) WHERE removed_at IS NULL;

-- How far a tenant's events have become deliveries: moved in the transaction that writes them.
CREATE TABLE webhook_positions (
    tenant_id uuid PRIMARY KEY REFERENCES tenants (tenant_id),
    sequence  bigint NOT NULL
);

-- One row for every event that an endpoint is to hear of, and for every test.
CREATE TABLE webhook_deliveries (
    tenant_id         uuid NOT NULL,
    id                uuid NOT NULL,
    endpoint_id       uuid NOT NULL,
    sequence          bigint,                       -- the event's number; NULL: a test
    event_type        text NOT NULL COLLATE house,
    subject_type      text NOT NULL COLLATE house,
    subject_id        uuid NOT NULL,                -- deliveries of one subject are sent one after the other, in the order of sequence
    subject_reference text NOT NULL COLLATE house,
    status            text NOT NULL COLLATE house CHECK (status IN ('pending', 'delivered', 'failed')),
    tries             smallint NOT NULL DEFAULT 0 CHECK (tries >= 0),     -- of the present round
    attempts          integer NOT NULL DEFAULT 0 CHECK (attempts >= tries), -- of all rounds; a replay begins a new one
    next_at           timestamptz,                  -- when it is to be sent, on the environment's clock
    forced            boolean NOT NULL DEFAULT false, -- also while the endpoint is paused or disabled: a test, a replay
    payload           text,                         -- what was sent; NULL before the first try, and again after its retention
    response_status   integer,                      -- of the last try
    failure           text COLLATE house,           -- why it is not delivered, in words
    created_at        timestamptz NOT NULL,
    finished_at       timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, endpoint_id, sequence),
    FOREIGN KEY (tenant_id, endpoint_id) REFERENCES webhook_endpoints (tenant_id, id),
    CHECK ((status = 'pending') = (next_at IS NOT NULL)),
    CHECK ((status = 'pending') = (finished_at IS NULL))
);
CREATE INDEX webhook_deliveries_by_endpoint ON webhook_deliveries (tenant_id, endpoint_id, created_at, id);
CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (tenant_id, finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX webhook_deliveries_with_payload ON webhook_deliveries (tenant_id, coalesce(finished_at, created_at)) WHERE payload IS NOT NULL;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (tenant_id, endpoint_id, next_at, sequence) WHERE status = 'pending';
CREATE INDEX webhook_deliveries_forced ON webhook_deliveries (tenant_id, endpoint_id, next_at, sequence) WHERE status = 'pending' AND forced;
CREATE INDEX webhook_deliveries_in_order ON webhook_deliveries (tenant_id, endpoint_id, subject_id, sequence) WHERE status = 'pending';
CREATE INDEX webhook_deliveries_failed ON webhook_deliveries (tenant_id, endpoint_id, created_at) WHERE status = 'failed';

CREATE TABLE webhook_attempts (
    tenant_id        uuid NOT NULL,
    delivery_id      uuid NOT NULL,
    number           integer NOT NULL CHECK (number > 0),
    attempted_at     timestamptz NOT NULL,
    duration_ms      integer NOT NULL CHECK (duration_ms >= 0),
    url              text NOT NULL,
    address          text,                          -- what was connected to; NULL: nothing was
    request_headers  jsonb NOT NULL,                -- without signatures
    response_status  integer,
    response_headers jsonb,
    response_body    text,                          -- its beginning
    failure          text COLLATE house,            -- NULL: delivered
    PRIMARY KEY (tenant_id, delivery_id, number),
    FOREIGN KEY (tenant_id, delivery_id) REFERENCES webhook_deliveries (tenant_id, id) ON DELETE CASCADE
);
