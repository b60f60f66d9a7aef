-- People: users as accounts of the Network API, sessions, API tokens; the address in events. The rules of 0001 hold for every table.

CREATE SEQUENCE user_references AS bigint START 123456;
CREATE SEQUENCE api_token_references AS bigint START 9001;

-- users -------------------------------------------------------------------------------------------------------------

ALTER TABLE users
    ADD COLUMN reference     text COLLATE house,
    ADD COLUMN customer_id   uuid,
    ADD COLUMN features      text[] NOT NULL DEFAULT '{}',
    ADD COLUMN last_login_at timestamptz;

UPDATE users u SET reference = numbered.reference
  FROM (SELECT tenant_id, id, nextval('user_references')::text AS reference
          FROM (SELECT tenant_id, id FROM users ORDER BY created_at, tenant_id, id) AS in_order) AS numbered
 WHERE u.tenant_id = numbered.tenant_id AND u.id = numbered.id;
UPDATE users u SET customer_id = a.customer_id FROM accounts a WHERE a.tenant_id = u.tenant_id AND a.id = u.account_id;

ALTER TABLE users
    ALTER COLUMN reference SET NOT NULL,
    ADD UNIQUE (tenant_id, reference),
    ADD CHECK ((account_id IS NULL) = (customer_id IS NULL)),
    DROP CONSTRAINT users_role_check,
    ADD CONSTRAINT users_role_check CHECK (role IN (
        'administrator', 'support', 'finance', 'network', 'field', 'reader',
        'customer_manager', 'customer_administrator', 'customer_reader'
    ));
CREATE INDEX users_by_customer ON users (tenant_id, customer_id, reference);
CREATE INDEX users_by_account ON users (tenant_id, account_id, reference);

-- sessions ----------------------------------------------------------------------------------------------------------

CREATE TABLE sessions (
    tenant_id    uuid NOT NULL,
    session_hash bytea NOT NULL,
    user_id      uuid NOT NULL,
    created_at   timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,               -- written at most once a minute
    expires_at   timestamptz NOT NULL,               -- whatever is done with it: the absolute end
    PRIMARY KEY (tenant_id, session_hash),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) WITH (fillfactor = 80);
CREATE INDEX sessions_by_user ON sessions (tenant_id, user_id);
CREATE INDEX sessions_by_expiry ON sessions (tenant_id, expires_at);

-- A login names no tenant, and its user may not exist: all rows stand under the nil tenant.
CREATE TABLE login_failures (
    tenant_id    uuid NOT NULL,
    username     text NOT NULL COLLATE house,        -- as it was typed, in lower case
    address      text NOT NULL COLLATE house,
    failures     integer NOT NULL CHECK (failures > 0),
    since        timestamptz NOT NULL,               -- the first of them
    locked_until timestamptz,
    PRIMARY KEY (tenant_id, username, address)
) WITH (fillfactor = 80);
CREATE INDEX login_failures_by_age ON login_failures (tenant_id, since);

-- API tokens --------------------------------------------------------------------------------------------------------

CREATE TABLE api_tokens (
    tenant_id    uuid NOT NULL,
    id           uuid NOT NULL,
    reference    text NOT NULL COLLATE house,
    kind         text NOT NULL COLLATE house CHECK (kind IN ('account', 'site')),
    name         text NOT NULL COLLATE house,
    user_id      uuid,
    site_id      uuid,
    account_id   uuid,                               -- of the user (NULL: an operator's) or the site
    customer_id  uuid,
    token_hash   bytea NOT NULL,
    last_four    text NOT NULL COLLATE house,
    scopes       text[],                             -- NULL: all that the user or site may do
    parent_id    uuid,                               -- the token that was refreshed; it may be gone, so no foreign key
    is_refresh   boolean NOT NULL DEFAULT false,
    version      bigint NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL,
    modified_at  timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    activated_at timestamptz,
    refreshed_at timestamptz,
    revoked_at   timestamptz,                        -- replaced, and dies then; without a period of grace the row goes at once
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, reference),
    UNIQUE (tenant_id, token_hash),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts (tenant_id, id),
    CHECK ((kind = 'account') = (user_id IS NOT NULL)),
    CHECK ((kind = 'site') = (site_id IS NOT NULL)),
    CHECK (kind = 'account' OR account_id IS NOT NULL),
    CHECK ((account_id IS NULL) = (customer_id IS NULL)),
    CHECK (is_refresh OR (parent_id IS NULL AND activated_at IS NULL)),
    CHECK (expires_at > created_at)
);
CREATE INDEX api_tokens_by_customer ON api_tokens (tenant_id, kind, customer_id, reference) WHERE revoked_at IS NULL;
CREATE INDEX api_tokens_by_account ON api_tokens (tenant_id, account_id);
CREATE INDEX api_tokens_by_user ON api_tokens (tenant_id, user_id);
CREATE INDEX api_tokens_by_site ON api_tokens (tenant_id, site_id);
CREATE INDEX api_tokens_by_parent ON api_tokens (tenant_id, parent_id);
CREATE INDEX api_tokens_by_expiry ON api_tokens (tenant_id, expires_at);
CREATE INDEX api_tokens_replaced ON api_tokens (tenant_id, revoked_at) WHERE revoked_at IS NOT NULL;

-- events ------------------------------------------------------------------------------------------------------------

ALTER TABLE events ADD COLUMN remote_address text COLLATE house;
CREATE INDEX events_by_customer ON events (tenant_id, customer_id, sequence);
