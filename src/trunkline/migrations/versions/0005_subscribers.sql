-- Subscribers (SIMs) and the jobs that import or remove many of them. Rules of every table: 0001_foundation.sql.

CREATE SEQUENCE subscriber_references AS bigint START 700001;
CREATE SEQUENCE import_job_references AS bigint START 1001;

CREATE TABLE subscribers (
    tenant_id              uuid NOT NULL REFERENCES tenants (tenant_id),
    id                     uuid NOT NULL,
    reference              text NOT NULL COLLATE house,
    account_id             uuid,                    -- NULL: the provider's own stock
    customer_id            uuid,
    service_id             uuid,                    -- the connection it serves; its account and site are the subscriber's
    site_id                uuid,
    system_id              uuid,
    system_profile_id      uuid,
    group_id               uuid,
    keyset_id              uuid,
    device_id              uuid,
    imsi                   text NOT NULL COLLATE house CHECK (imsi ~ '^[0-9]{6,15}$'),
    msisdn                 text NOT NULL COLLATE house CHECK (msisdn ~ '^\+?[1-9][0-9]{4,14}$'),
    iccid                  text COLLATE house CHECK (iccid ~ '^[0-9]{18,22}$'),
    k                      bytea,                   -- sealed (kit.keyring), as is opc; erased when the subscriber is deleted
    opc                    bytea,
    status                 text NOT NULL COLLATE house CHECK (status IN ('active', 'inactive')),
    type                   text NOT NULL COLLATE house CHECK (type IN ('production', 'test')),
    extensions             jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(extensions) = 'object'),
    suspended_with_account boolean NOT NULL DEFAULT false,  -- resuming the account makes it active again
    deleted_at             timestamptz,
    version                bigint NOT NULL DEFAULT 1,
    created_at             timestamptz NOT NULL,
    modified_at            timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, reference),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts (tenant_id, id),
    FOREIGN KEY (tenant_id, service_id) REFERENCES services (tenant_id, id),
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, id),
    FOREIGN KEY (tenant_id, system_id) REFERENCES systems (tenant_id, id),
    FOREIGN KEY (tenant_id, system_profile_id, system_id)  -- a profile only for a system that it is for
        REFERENCES system_profile_systems (tenant_id, system_profile_id, system_id),
    FOREIGN KEY (tenant_id, group_id) REFERENCES groups (tenant_id, id),
    FOREIGN KEY (tenant_id, keyset_id) REFERENCES keysets (tenant_id, id),
    FOREIGN KEY (tenant_id, device_id) REFERENCES devices (tenant_id, id),
    CHECK ((account_id IS NULL) = (customer_id IS NULL)),
    CHECK (account_id IS NOT NULL OR (site_id IS NULL AND service_id IS NULL)),
    CHECK (service_id IS NULL OR site_id IS NOT NULL),
    CHECK (system_profile_id IS NULL OR system_id IS NOT NULL),
    CHECK (deleted_at IS NULL OR (k IS NULL AND opc IS NULL)),
    CHECK (NOT suspended_with_account OR status = 'inactive'),
    CHECK (status = 'inactive' OR (deleted_at IS NULL AND k IS NOT NULL AND (opc IS NOT NULL OR keyset_id IS NOT NULL)
                                   AND system_id IS NOT NULL AND system_profile_id IS NOT NULL))
);
-- Lists hold what is not deleted, in the order of reference or of IMSI, for the whole tenant (by the unique keys) and for a customer.
CREATE UNIQUE INDEX subscribers_by_imsi ON subscribers (tenant_id, imsi) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX subscribers_by_iccid ON subscribers (tenant_id, iccid) WHERE deleted_at IS NULL;
CREATE INDEX subscribers_by_msisdn ON subscribers (tenant_id, msisdn) WHERE deleted_at IS NULL;
CREATE INDEX subscribers_by_customer ON subscribers (tenant_id, customer_id, reference) WHERE deleted_at IS NULL;
CREATE INDEX subscribers_by_customer_imsi ON subscribers (tenant_id, customer_id, imsi, reference) WHERE deleted_at IS NULL;
CREATE INDEX subscribers_by_account ON subscribers (tenant_id, account_id, reference) WHERE deleted_at IS NULL;
CREATE INDEX subscribers_by_status ON subscribers (tenant_id, status, reference) WHERE deleted_at IS NULL;
CREATE INDEX subscribers_by_customer_status ON subscribers (tenant_id, customer_id, status, reference) WHERE deleted_at IS NULL;
-- What something is used by: for lists of it, and for refusing to remove it.
CREATE INDEX subscribers_by_system ON subscribers (tenant_id, system_id, reference) WHERE system_id IS NOT NULL;
CREATE INDEX subscribers_by_profile ON subscribers (tenant_id, system_profile_id, reference) WHERE system_profile_id IS NOT NULL;
CREATE INDEX subscribers_by_service ON subscribers (tenant_id, service_id, reference) WHERE service_id IS NOT NULL;
CREATE INDEX subscribers_by_site ON subscribers (tenant_id, site_id, reference) WHERE site_id IS NOT NULL;
CREATE INDEX subscribers_by_group ON subscribers (tenant_id, group_id, reference) WHERE group_id IS NOT NULL;
CREATE INDEX subscribers_by_keyset ON subscribers (tenant_id, keyset_id, reference) WHERE keyset_id IS NOT NULL;
CREATE INDEX subscribers_by_device ON subscribers (tenant_id, device_id, reference) WHERE device_id IS NOT NULL;

-- A job's rows wait in chunks, each sealed as a whole because it holds keys; a chunk's effect, its results and the job's progress
-- are committed together, and its rows are erased with it.
CREATE TABLE import_jobs (
    tenant_id        uuid NOT NULL REFERENCES tenants (tenant_id),
    id               uuid NOT NULL,
    reference        text NOT NULL COLLATE house,
    account_id       uuid,                          -- of the caller who started it; NULL: an operator
    customer_id      uuid,
    kind             text NOT NULL COLLATE house CHECK (kind IN ('import', 'remove')),
    dry_run          boolean NOT NULL,
    status           text NOT NULL COLLATE house CHECK (status IN ('waiting', 'running', 'completed')),
    total            bigint NOT NULL CHECK (total >= 0),
    done             bigint NOT NULL DEFAULT 0 CHECK (done BETWEEN 0 AND total),
    created          bigint NOT NULL DEFAULT 0,
    updated          bigint NOT NULL DEFAULT 0,
    deleted          bigint NOT NULL DEFAULT 0,
    failed           bigint NOT NULL DEFAULT 0,
    caller           jsonb NOT NULL,                -- the principal and the origin on whose behalf it runs
    version          bigint NOT NULL DEFAULT 1,
    created_at       timestamptz NOT NULL,
    modified_at      timestamptz NOT NULL,
    finished_at      timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, reference),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts (tenant_id, id),
    CHECK (created + updated + deleted + failed = done),
    CHECK ((finished_at IS NOT NULL) = (status = 'completed'))
);
CREATE INDEX import_jobs_by_customer ON import_jobs (tenant_id, customer_id, reference);
CREATE INDEX import_jobs_by_account ON import_jobs (tenant_id, account_id, reference);
CREATE INDEX import_jobs_open ON import_jobs (tenant_id, created_at) WHERE finished_at IS NULL;

CREATE TABLE import_chunks (
    tenant_id uuid NOT NULL,
    id        uuid NOT NULL,
    job_id    uuid NOT NULL,
    position  integer NOT NULL CHECK (position >= 0),
    size      integer NOT NULL CHECK (size > 0),
    rows      bytea,                                -- sealed; NULL once the chunk is done
    results   jsonb,                                -- what became of each row, in order; never a key
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, job_id, position),
    FOREIGN KEY (tenant_id, job_id) REFERENCES import_jobs (tenant_id, id) ON DELETE CASCADE,
    CHECK ((rows IS NULL) <> (results IS NULL))
);
