-- The foundation: directory, identity, customers, connectivity, support, billing (read side), events, audit, guards.
-- Rules that every table keeps (docs/decisions/0003-tenancy.md; tests/security/test_schema.py proves them from the catalogue):
--   customer_id on what belongs to an account is a copy of accounts.customer_id, which never changes: lists reach a whole customer by it;
--   tenant_id leads every primary, foreign and unique key; no triggers; no SET NULL; identifiers are made by the application.
-- Text that is compared or sorted carries the collation "house": code-point order, Unicode-aware lower(), the same on every server.

-- 17 and newer have it built in; 15 and 16 take the C library's C.UTF-8. Made by the revision's Python part:  house

CREATE TABLE environments (                         -- reference: one row, what this database is
    name                 text PRIMARY KEY CHECK (name IN ('production', 'sandbox')),
    clock_offset_seconds bigint NOT NULL DEFAULT 0 CHECK (clock_offset_seconds >= 0 AND (name = 'sandbox' OR clock_offset_seconds = 0)),
    created_at           timestamptz NOT NULL
);

CREATE TABLE tenants (                              -- reference: the directory of providers; number is what credentials carry
    tenant_id  uuid PRIMARY KEY,
    number     integer NOT NULL UNIQUE CHECK (number BETWEEN 1 AND 33554431),
    name       text NOT NULL COLLATE house,
    created_at timestamptz NOT NULL
);

CREATE SEQUENCE account_references AS bigint START 98000001;
CREATE SEQUENCE site_references AS bigint START 98000001;
CREATE SEQUENCE service_references AS bigint START 98000001;
CREATE SEQUENCE case_references AS bigint START 98000001;
CREATE SEQUENCE case_message_references AS bigint START 98000001;
CREATE SEQUENCE invoice_references AS bigint START 98000001;
CREATE SEQUENCE invoice_line_references AS bigint START 98000001;

-- customers ---------------------------------------------------------------------------------------------------------

CREATE TABLE accounts (
    tenant_id   uuid NOT NULL REFERENCES tenants (tenant_id),
    id          uuid NOT NULL,
    reference   text NOT NULL COLLATE house,
    parent_id   uuid,
    customer_id uuid NOT NULL,                      -- the root of the account's tree (its own id for a root)
    path        text NOT NULL COLLATE "C",          -- references from the root down, each ended by '/': a subtree is a range
    name        text NOT NULL COLLATE house,
    legal_name  text NOT NULL COLLATE house,
    country     text COLLATE house,
    currency    text NOT NULL COLLATE house CHECK (currency ~ '^[A-Z]{3}$'),
    version     bigint NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL,
    modified_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, reference),
    FOREIGN KEY (tenant_id, parent_id) REFERENCES accounts (tenant_id, id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES accounts (tenant_id, id) DEFERRABLE INITIALLY DEFERRED,
    CHECK ((parent_id IS NULL) = (customer_id = id))
);
CREATE INDEX accounts_by_customer ON accounts (tenant_id, customer_id, reference);
CREATE INDEX accounts_by_path ON accounts (tenant_id, path);
CREATE INDEX accounts_by_parent ON accounts (tenant_id, parent_id);
CREATE INDEX accounts_by_customer_name ON accounts (tenant_id, customer_id, lower(name), name, reference);
CREATE INDEX accounts_by_name ON accounts (tenant_id, lower(name), name, reference);
CREATE INDEX accounts_by_exact_name ON accounts (tenant_id, lower(btrim(name)), customer_id);
CREATE INDEX accounts_by_customer_country ON accounts (tenant_id, customer_id, lower(btrim(country)), lower(name), name, reference);
CREATE INDEX accounts_by_customer_modified ON accounts (tenant_id, customer_id, modified_at, reference);

CREATE TABLE sites (
    tenant_id      uuid NOT NULL,
    id             uuid NOT NULL,
    reference      text NOT NULL COLLATE house,
    account_id     uuid NOT NULL,
    customer_id    uuid NOT NULL,
    name           text NOT NULL COLLATE house,
    address        text COLLATE house,
    city           text COLLATE house,
    postal_code    text COLLATE house,
    state_province text COLLATE house,
    country        text COLLATE house,
    country_code   text NOT NULL COLLATE house CHECK (country_code ~ '^[A-Z]{2}$'),
    latitude       double precision CHECK (latitude BETWEEN -90 AND 90),
    longitude      double precision CHECK (longitude BETWEEN -180 AND 180),
    time_zone      text COLLATE house,
    version        bigint NOT NULL DEFAULT 1,
    created_at     timestamptz NOT NULL,
    modified_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, reference),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts (tenant_id, id)
);
CREATE INDEX sites_by_customer ON sites (tenant_id, customer_id, reference);
CREATE INDEX sites_by_account ON sites (tenant_id, account_id, reference);
CREATE INDEX sites_by_customer_name ON sites (tenant_id, customer_id, lower(name), name, reference);
CREATE INDEX sites_by_customer_modified ON sites (tenant_id, customer_id, modified_at, reference);

-- connectivity ------------------------------------------------------------------------------------------------------

CREATE TABLE services (
    tenant_id              uuid NOT NULL,
    id                     uuid NOT NULL,
    reference              text NOT NULL COLLATE house,
    account_id             uuid NOT NULL,
    customer_id            uuid NOT NULL,
    site_id                uuid NOT NULL,
    name                   text NOT NULL COLLATE house,
    status                 text NOT NULL COLLATE house CHECK (status IN ('in_progress', 'ready', 'cancelled', 'ceased')),
    planned_delivery_date  date,
    ready_for_service_date date,
    technical_note         text COLLATE house,
    product_name           text NOT NULL COLLATE house,
    access_type            text NOT NULL COLLATE house,
    download_kbps          bigint CHECK (download_kbps > 0),
    upload_kbps            bigint CHECK (upload_kbps > 0),
    customer_reference     text COLLATE house,
    version                bigint NOT NULL DEFAULT 1,
    created_at             timestamptz NOT NULL,
    modified_at            timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, reference),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts (tenant_id, id),
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, id),
    CHECK (status <> 'in_progress' OR ready_for_service_date IS NULL)
);
CREATE INDEX services_by_customer ON services (tenant_id, customer_id, reference);
CREATE INDEX services_by_account ON services (tenant_id, account_id, reference);
CREATE INDEX services_by_site ON services (tenant_id, site_id, reference);
CREATE INDEX services_by_customer_name ON services (tenant_id, customer_id, lower(name), name, reference);
CREATE INDEX services_by_customer_modified ON services (tenant_id, customer_id, modified_at, reference);

-- support -----------------------------------------------------------------------------------------------------------

CREATE TABLE cases (
    tenant_id          uuid NOT NULL,
    id                 uuid NOT NULL,
    reference          text NOT NULL COLLATE house,
    account_id         uuid NOT NULL,
    customer_id        uuid NOT NULL,
    site_id            uuid NOT NULL,
    service_id         uuid NOT NULL,
    type               text NOT NULL COLLATE house CHECK (type IN ('incident', 'request')),
    subject            text NOT NULL COLLATE house,
    priority           text NOT NULL COLLATE house CHECK (priority IN ('P1', 'P2', 'P3', 'P4', 'P5')),
    status             text NOT NULL COLLATE house CHECK (status IN ('new', 'in_progress', 'pending_customer', 'pending_supplier', 'resolved', 'closed', 'cancelled')),
    origin             text NOT NULL COLLATE house CHECK (origin IN ('api', 'portal', 'email', 'phone', 'monitoring')),
    customer_reference text COLLATE house,
    start_of_incident  timestamptz,
    end_of_incident    timestamptz,
    resolved_at        timestamptz,
    closed_at          timestamptz,
    version            bigint NOT NULL DEFAULT 1,
    created_at         timestamptz NOT NULL,
    modified_at        timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, reference),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts (tenant_id, id),
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, id),
    FOREIGN KEY (tenant_id, service_id) REFERENCES services (tenant_id, id),
    CHECK (type <> 'incident' OR start_of_incident IS NOT NULL),
    CHECK (end_of_incident >= start_of_incident),
    CHECK ((closed_at IS NOT NULL) = (status = 'closed'))
);
CREATE INDEX cases_by_customer_created ON cases (tenant_id, customer_id, created_at DESC, reference);
CREATE INDEX cases_by_customer_modified ON cases (tenant_id, customer_id, modified_at, reference);
CREATE INDEX cases_by_service ON cases (tenant_id, service_id, created_at DESC);
CREATE INDEX cases_resolved ON cases (tenant_id, resolved_at) WHERE status = 'resolved';

CREATE TABLE case_messages (
    tenant_id   uuid NOT NULL,
    id          uuid NOT NULL,
    reference   text NOT NULL COLLATE house,
    case_id     uuid NOT NULL,
    customer_id uuid NOT NULL,
    type        text NOT NULL COLLATE house CHECK (type IN ('customer', 'support', 'system')),
    body        text NOT NULL COLLATE house CHECK (char_length(body) BETWEEN 1 AND 32000),
    sent_by     text NOT NULL COLLATE house,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, reference),
    FOREIGN KEY (tenant_id, case_id) REFERENCES cases (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX case_messages_by_case ON case_messages (tenant_id, case_id, reference);

-- billing (read side) -----------------------------------------------------------------------------------------------

CREATE TABLE invoices (
    tenant_id    uuid NOT NULL,
    id           uuid NOT NULL,
    reference    text NOT NULL COLLATE house,
    account_id   uuid NOT NULL,
    customer_id  uuid NOT NULL,
    number       text NOT NULL COLLATE house,       -- what is printed on it, e.g. 2026-004711
    invoice_date date NOT NULL,
    due_date     date NOT NULL,
    currency     text NOT NULL COLLATE house CHECK (currency ~ '^[A-Z]{3}$'),
    net_amount   numeric(18, 2) NOT NULL,
    tax_amount   numeric(18, 2) NOT NULL,
    total_amount numeric(18, 2) NOT NULL,
    status       text NOT NULL COLLATE house CHECK (status IN ('open', 'paid', 'overdue', 'cancelled')),
    version      bigint NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL,
    modified_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, reference),
    UNIQUE (tenant_id, number),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts (tenant_id, id),
    CHECK (net_amount + tax_amount = total_amount),
    CHECK (due_date >= invoice_date)
);
CREATE INDEX invoices_by_customer ON invoices (tenant_id, customer_id, reference);
CREATE INDEX invoices_by_account ON invoices (tenant_id, account_id, reference);
CREATE INDEX invoices_by_customer_date ON invoices (tenant_id, customer_id, invoice_date, reference);
CREATE INDEX invoices_open ON invoices (tenant_id, due_date) WHERE status = 'open';

CREATE TABLE invoice_lines (
    tenant_id              uuid NOT NULL,
    id                     uuid NOT NULL,
    reference              text NOT NULL COLLATE house,
    invoice_id             uuid NOT NULL,
    customer_id            uuid NOT NULL,
    position               integer NOT NULL CHECK (position > 0),
    description            text NOT NULL COLLATE house,
    quantity               numeric(18, 4) NOT NULL,
    unit_price             numeric(18, 4) NOT NULL,
    net_amount             numeric(18, 2) NOT NULL,
    period_start           date,
    period_end             date,
    service_id             uuid,
    order_reference        text COLLATE house,      -- what the invoice printed when it was made: a copy, never updated
    order_name             text COLLATE house,
    ready_for_service_date date,
    site_address           text COLLATE house,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, reference),
    UNIQUE (tenant_id, invoice_id, position),
    FOREIGN KEY (tenant_id, invoice_id) REFERENCES invoices (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, service_id) REFERENCES services (tenant_id, id),
    CHECK (period_end >= period_start)
);
CREATE INDEX invoice_lines_by_invoice ON invoice_lines (tenant_id, invoice_id, reference);

-- identity ----------------------------------------------------------------------------------------------------------

CREATE TABLE users (
    tenant_id     uuid NOT NULL REFERENCES tenants (tenant_id),
    id            uuid NOT NULL,
    username      text NOT NULL COLLATE house,
    password_hash text NOT NULL,
    role          text NOT NULL COLLATE house CHECK (role IN ('administrator', 'support', 'finance', 'network', 'field', 'reader', 'customer_administrator', 'customer_reader')),
    account_id    uuid,                             -- customers' users see their account's subtree; operators' have none
    active        boolean NOT NULL DEFAULT true,
    version       bigint NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL,
    modified_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts (tenant_id, id),
    CHECK ((account_id IS NOT NULL) = (role LIKE 'customer%'))
);
CREATE UNIQUE INDEX users_by_username ON users (tenant_id, lower(username));

CREATE TABLE api_clients (
    tenant_id    uuid NOT NULL REFERENCES tenants (tenant_id),
    id           uuid NOT NULL,
    client_id    text NOT NULL COLLATE house,
    account_id   uuid,                              -- NULL: the operator's, sees the whole tenant
    customer_id  uuid,
    name         text NOT NULL COLLATE house,
    secret_hash  bytea NOT NULL,
    scopes       text[] NOT NULL,
    version      bigint NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at   timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, client_id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts (tenant_id, id),
    CHECK ((account_id IS NULL) = (customer_id IS NULL))
);
CREATE UNIQUE INDEX api_clients_by_name ON api_clients (tenant_id, account_id, lower(name)) NULLS NOT DISTINCT WHERE revoked_at IS NULL;

CREATE TABLE access_tokens (
    tenant_id     uuid NOT NULL,
    token_hash    bytea NOT NULL,
    api_client_id uuid NOT NULL,
    scopes        text[] NOT NULL,
    issued_at     timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, token_hash),
    FOREIGN KEY (tenant_id, api_client_id) REFERENCES api_clients (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX access_tokens_by_client ON access_tokens (tenant_id, api_client_id);
CREATE INDEX access_tokens_by_expiry ON access_tokens (tenant_id, expires_at);

-- what the kit keeps ------------------------------------------------------------------------------------------------

CREATE SEQUENCE event_sequence AS bigint;
CREATE TABLE events (
    tenant_id         uuid NOT NULL,
    sequence          bigint NOT NULL,
    transaction       xid8 NOT NULL,                -- a reader stops before the oldest transaction that still runs
    occurred_at       timestamptz NOT NULL,
    type              text NOT NULL COLLATE house,
    subject_type      text NOT NULL COLLATE house,
    subject_id        uuid NOT NULL,
    subject_reference text NOT NULL COLLATE house,
    subject_version   bigint NOT NULL,
    account_id        uuid,
    customer_id       uuid,
    actor_type        text NOT NULL COLLATE house,
    actor_id          text NOT NULL COLLATE house,
    request_id        text NOT NULL COLLATE house,
    before            jsonb,
    after             jsonb,
    PRIMARY KEY (tenant_id, sequence)
);
CREATE INDEX events_in_order ON events (tenant_id, transaction, sequence);

CREATE TABLE audit_entries (
    tenant_id         uuid NOT NULL,
    id                uuid NOT NULL,
    occurred_at       timestamptz NOT NULL,
    operation         text NOT NULL COLLATE house,  -- dialect and operation, e.g. customer.createCase
    actor_type        text NOT NULL COLLATE house,
    actor_id          text NOT NULL COLLATE house,
    remote_address    text COLLATE house,
    request_id        text NOT NULL COLLATE house,
    outcome           smallint NOT NULL,            -- the status that was answered
    subject_reference text COLLATE house,
    PRIMARY KEY (tenant_id, id)                     -- ids are in the order of time
);

-- The replay guard's promise and its proof: docs/decisions/0005-replay-guard.md
CREATE TABLE request_guard (
    tenant_id   uuid NOT NULL,
    scope       bytea NOT NULL,
    fingerprint bytea NOT NULL,
    attempt     integer NOT NULL DEFAULT 1,
    status      smallint,
    headers     jsonb,
    body        bytea,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, scope)
) WITH (fillfactor = 70);
CREATE INDEX request_guard_by_age ON request_guard (tenant_id, created_at);

-- Rows and changes of each collection, per customer and (nil customer) for the whole tenant: exact totals without counting.
CREATE TABLE collection_sizes (
    tenant_id   uuid NOT NULL,
    collection  text NOT NULL COLLATE "C",
    customer_id uuid NOT NULL,
    slot        smallint NOT NULL,                  -- writers spread over slots so that they do not wait for each other
    size        bigint NOT NULL,
    changes     bigint NOT NULL,
    PRIMARY KEY (tenant_id, collection, customer_id, slot)
) WITH (fillfactor = 50);

CREATE UNLOGGED TABLE throttle_buckets (            -- kit/throttle/store.py says what the columns mean
    tenant_id  uuid NOT NULL,
    bucket     text NOT NULL COLLATE "C",
    level      bigint NOT NULL,                     -- token bucket: millionths of a token left; window: hits that have left it
    granted    bigint NOT NULL,                     -- by the last statement
    times      bigint[] NOT NULL DEFAULT '{}',      -- window: when hits were counted (microseconds since 1970)
    totals     bigint[] NOT NULL DEFAULT '{}',      -- window: hits ever counted up to that moment
    updated_at bigint NOT NULL,
    PRIMARY KEY (tenant_id, bucket)
) WITH (fillfactor = 50);
