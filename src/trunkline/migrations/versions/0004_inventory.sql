-- What a mobile network is made of, beside its subscribers: systems, APNs, system profiles, groups, keysets, devices and what watches them.
-- The rules of 0001_foundation hold. account_id and customer_id are NULL together: the provider's own stock, which only operators see.
-- Keys and passwords are sealed by the house's keyring (docs/decisions/0010-keyring.md); no plain text is ever stored.

ALTER TABLE accounts
    ADD COLUMN enabled    boolean NOT NULL DEFAULT true,
    ADD COLUMN extensions jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(extensions) = 'object');

CREATE SEQUENCE system_references AS bigint START 12;
CREATE SEQUENCE apn_references AS bigint START 1001;
CREATE SEQUENCE system_profile_references AS bigint START 123456789;
CREATE SEQUENCE group_references AS bigint START 1001;
CREATE SEQUENCE keyset_references AS bigint START 1001;
CREATE SEQUENCE keyset_mapping_references AS bigint START 1001;
CREATE SEQUENCE device_references AS bigint START 1001;
CREATE SEQUENCE notification_references AS bigint START 1001;
CREATE SEQUENCE private_radio_references AS bigint START 1001;
CREATE SEQUENCE monitoring_endpoint_references AS bigint START 1001;
CREATE SEQUENCE sftp_connection_references AS bigint START 1001;

-- cores, access points, profiles ------------------------------------------------------------------------------------

CREATE TABLE systems (
    tenant_id   uuid NOT NULL REFERENCES tenants (tenant_id),
    id          uuid NOT NULL,
    reference   text NOT NULL COLLATE house,
    account_id  uuid,
    customer_id uuid,
    name        text NOT NULL COLLATE house,
    description text COLLATE house,
    extensions  jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(extensions) = 'object'),
    version     bigint NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL,
    modified_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, reference),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts (tenant_id, id),
    CHECK ((account_id IS NULL) = (customer_id IS NULL))
);
CREATE INDEX systems_by_customer ON systems (tenant_id, customer_id, reference);
CREATE INDEX systems_by_account ON systems (tenant_id, account_id, reference);
CREATE INDEX systems_by_customer_name ON systems (tenant_id, customer_id, lower(name), name, reference);

CREATE TABLE apns (
    tenant_id    uuid NOT NULL REFERENCES tenants (tenant_id),
    id           uuid NOT NULL,
    reference    text NOT NULL COLLATE house,
    account_id   uuid,
    customer_id  uuid,
    name         text NOT NULL COLLATE house,
    max_download bigint CHECK (max_download >= 0),
    max_upload   bigint CHECK (max_upload >= 0),
    qci          integer CHECK (qci BETWEEN 1 AND 9),
    arp          integer CHECK (arp BETWEEN 1 AND 15),
    pdn_type     text NOT NULL COLLATE house DEFAULT 'ipv4' CHECK (pdn_type IN ('ipv4', 'ipv6', 'ipv4v6')),
    version      bigint NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL,
    modified_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, reference),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts (tenant_id, id),
    CHECK ((account_id IS NULL) = (customer_id IS NULL))
);
CREATE INDEX apns_by_customer ON apns (tenant_id, customer_id, reference);
CREATE INDEX apns_by_account ON apns (tenant_id, account_id, reference);
CREATE INDEX apns_by_customer_name ON apns (tenant_id, customer_id, lower(name), name, reference);

CREATE TABLE system_profiles (
    tenant_id   uuid NOT NULL REFERENCES tenants (tenant_id),
    id          uuid NOT NULL,
    reference   text NOT NULL COLLATE house,
    account_id  uuid,
    customer_id uuid,
    name        text NOT NULL COLLATE house,
    extensions  jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(extensions) = 'object'),
    version     bigint NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL,
    modified_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, reference),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts (tenant_id, id),
    CHECK ((account_id IS NULL) = (customer_id IS NULL))
);
CREATE INDEX system_profiles_by_customer ON system_profiles (tenant_id, customer_id, reference);
CREATE INDEX system_profiles_by_account ON system_profiles (tenant_id, account_id, reference);
CREATE INDEX system_profiles_by_customer_name ON system_profiles (tenant_id, customer_id, lower(name), name, reference);

CREATE TABLE system_profile_systems (               -- the systems that a profile is for
    tenant_id         uuid NOT NULL,
    system_profile_id uuid NOT NULL,
    system_id         uuid NOT NULL,
    PRIMARY KEY (tenant_id, system_profile_id, system_id),
    FOREIGN KEY (tenant_id, system_profile_id) REFERENCES system_profiles (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, system_id) REFERENCES systems (tenant_id, id)
);
CREATE INDEX system_profile_systems_by_system ON system_profile_systems (tenant_id, system_id);

CREATE TABLE system_profile_apns (                  -- a profile's APNs in order; a rate overrides the APN's own
    tenant_id         uuid NOT NULL,
    system_profile_id uuid NOT NULL,
    position          integer NOT NULL CHECK (position > 0),
    apn_id            uuid NOT NULL,
    max_download      bigint CHECK (max_download >= 0),
    max_upload        bigint CHECK (max_upload >= 0),
    PRIMARY KEY (tenant_id, system_profile_id, position),
    UNIQUE (tenant_id, system_profile_id, apn_id),
    FOREIGN KEY (tenant_id, system_profile_id) REFERENCES system_profiles (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, apn_id) REFERENCES apns (tenant_id, id)
);
CREATE INDEX system_profile_apns_by_apn ON system_profile_apns (tenant_id, apn_id);

CREATE TABLE groups (
    tenant_id   uuid NOT NULL REFERENCES tenants (tenant_id),
    id          uuid NOT NULL,
    reference   text NOT NULL COLLATE house,
    account_id  uuid,
    customer_id uuid,
    name        text NOT NULL COLLATE house,
    description text COLLATE house,
    version     bigint NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL,
    modified_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, reference),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts (tenant_id, id),
    CHECK ((account_id IS NULL) = (customer_id IS NULL))
);
CREATE INDEX groups_by_customer ON groups (tenant_id, customer_id, reference);
CREATE INDEX groups_by_account ON groups (tenant_id, account_id, reference);
CREATE INDEX groups_by_customer_name ON groups (tenant_id, customer_id, lower(name), name, reference);

-- keys --------------------------------------------------------------------------------------------------------------

CREATE TABLE keysets (
    tenant_id     uuid NOT NULL REFERENCES tenants (tenant_id),
    id            uuid NOT NULL,
    reference     text NOT NULL COLLATE house,
    account_id    uuid,
    customer_id   uuid,
    name          text NOT NULL COLLATE house,
    algorithm     text NOT NULL COLLATE house DEFAULT 'milenage' CHECK (algorithm IN ('milenage')),
    op            bytea,
    transport_key bytea,
    version       bigint NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL,
    modified_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, reference),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts (tenant_id, id),
    CHECK ((account_id IS NULL) = (customer_id IS NULL))
);
CREATE INDEX keysets_by_customer ON keysets (tenant_id, customer_id, reference);
CREATE INDEX keysets_by_account ON keysets (tenant_id, account_id, reference);
CREATE INDEX keysets_by_customer_name ON keysets (tenant_id, customer_id, lower(name), name, reference);

CREATE TABLE keyset_mappings (
    tenant_id   uuid NOT NULL REFERENCES tenants (tenant_id),
    id          uuid NOT NULL,
    reference   text NOT NULL COLLATE house,
    account_id  uuid,
    customer_id uuid,
    keyset_id   uuid NOT NULL,
    system_id   uuid,
    name        text NOT NULL COLLATE house,
    imsi_prefix text COLLATE house CHECK (imsi_prefix ~ '^[0-9]{1,15}$'),
    version     bigint NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL,
    modified_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, reference),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts (tenant_id, id),
    FOREIGN KEY (tenant_id, keyset_id) REFERENCES keysets (tenant_id, id),
    FOREIGN KEY (tenant_id, system_id) REFERENCES systems (tenant_id, id),
    CHECK ((account_id IS NULL) = (customer_id IS NULL)),
    UNIQUE NULLS NOT DISTINCT (tenant_id, customer_id, system_id, imsi_prefix)
);
CREATE INDEX keyset_mappings_by_customer ON keyset_mappings (tenant_id, customer_id, reference);
CREATE INDEX keyset_mappings_by_account ON keyset_mappings (tenant_id, account_id, reference);
CREATE INDEX keyset_mappings_by_keyset ON keyset_mappings (tenant_id, keyset_id, reference);
CREATE INDEX keyset_mappings_by_system ON keyset_mappings (tenant_id, system_id, reference);
CREATE INDEX keyset_mappings_by_customer_name ON keyset_mappings (tenant_id, customer_id, lower(name), name, reference);

-- devices and radios ------------------------------------------------------------------------------------------------

CREATE TABLE devices (
    tenant_id   uuid NOT NULL REFERENCES tenants (tenant_id),
    id          uuid NOT NULL,
    reference   text NOT NULL COLLATE house,
    account_id  uuid,
    customer_id uuid,
    tac         text NOT NULL COLLATE house CHECK (tac ~ '^[0-9]{8}$'),
    brand_name  text COLLATE house,
    model_name  text COLLATE house,
    device_type text COLLATE house,
    os          text COLLATE house,
    source      text NOT NULL COLLATE house DEFAULT 'manual',
    version     bigint NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL,
    modified_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, reference),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts (tenant_id, id),
    CHECK ((account_id IS NULL) = (customer_id IS NULL))
);
CREATE INDEX devices_by_customer ON devices (tenant_id, customer_id, reference);
CREATE INDEX devices_by_account ON devices (tenant_id, account_id, reference);
CREATE INDEX devices_by_customer_tac ON devices (tenant_id, customer_id, tac, reference);

CREATE TABLE private_radios (
    tenant_id     uuid NOT NULL REFERENCES tenants (tenant_id),
    id            uuid NOT NULL,
    reference     text NOT NULL COLLATE house,
    account_id    uuid,
    customer_id   uuid,
    site_id       uuid,
    name          text NOT NULL COLLATE house,
    description   text COLLATE house,
    serial_number text COLLATE house,
    status        text NOT NULL COLLATE house DEFAULT 'planned' CHECK (status IN ('planned', 'active', 'inactive')),
    version       bigint NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL,
    modified_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, reference),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts (tenant_id, id),
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, id),
    CHECK ((account_id IS NULL) = (customer_id IS NULL))
);
CREATE INDEX private_radios_by_customer ON private_radios (tenant_id, customer_id, reference);
CREATE INDEX private_radios_by_account ON private_radios (tenant_id, account_id, reference);
CREATE INDEX private_radios_by_site ON private_radios (tenant_id, site_id, reference);
CREATE INDEX private_radios_by_customer_name ON private_radios (tenant_id, customer_id, lower(name), name, reference);

-- watching and exchanging -------------------------------------------------------------------------------------------

CREATE TABLE notifications (
    tenant_id   uuid NOT NULL REFERENCES tenants (tenant_id),
    id          uuid NOT NULL,
    reference   text NOT NULL COLLATE house,
    account_id  uuid,
    customer_id uuid,
    name        text NOT NULL COLLATE house,
    type        text NOT NULL COLLATE house DEFAULT 'information' CHECK (type IN ('information', 'alarm', 'usage', 'maintenance')),
    severity    text NOT NULL COLLATE house DEFAULT 'info' CHECK (severity IN ('info', 'warning', 'critical')),
    message     text COLLATE house,
    read        boolean NOT NULL DEFAULT false,
    version     bigint NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL,
    modified_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, reference),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts (tenant_id, id),
    CHECK ((account_id IS NULL) = (customer_id IS NULL))
);
CREATE INDEX notifications_by_customer ON notifications (tenant_id, customer_id, reference);
CREATE INDEX notifications_by_account ON notifications (tenant_id, account_id, reference);
CREATE INDEX notifications_by_customer_name ON notifications (tenant_id, customer_id, lower(name), name, reference);
CREATE INDEX notifications_by_customer_created ON notifications (tenant_id, customer_id, created_at, reference);
CREATE INDEX notifications_unread ON notifications (tenant_id, customer_id, created_at) WHERE NOT read;

CREATE TABLE monitoring_endpoints (
    tenant_id   uuid NOT NULL REFERENCES tenants (tenant_id),
    id          uuid NOT NULL,
    reference   text NOT NULL COLLATE house,
    account_id  uuid,
    customer_id uuid,
    site_id     uuid,
    name        text NOT NULL COLLATE house,
    description text COLLATE house,
    address     text NOT NULL COLLATE house,
    port        integer CHECK (port BETWEEN 1 AND 65535),
    enabled     boolean NOT NULL DEFAULT true,
    version     bigint NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL,
    modified_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, reference),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts (tenant_id, id),
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, id),
    CHECK ((account_id IS NULL) = (customer_id IS NULL))
);
CREATE INDEX monitoring_endpoints_by_customer ON monitoring_endpoints (tenant_id, customer_id, reference);
CREATE INDEX monitoring_endpoints_by_account ON monitoring_endpoints (tenant_id, account_id, reference);
CREATE INDEX monitoring_endpoints_by_site ON monitoring_endpoints (tenant_id, site_id, reference);
CREATE INDEX monitoring_endpoints_by_customer_name ON monitoring_endpoints (tenant_id, customer_id, lower(name), name, reference);

CREATE TABLE sftp_connections (
    tenant_id   uuid NOT NULL REFERENCES tenants (tenant_id),
    id          uuid NOT NULL,
    reference   text NOT NULL COLLATE house,
    account_id  uuid,
    customer_id uuid,
    name        text NOT NULL COLLATE house,
    host        text NOT NULL COLLATE house,
    port        integer NOT NULL DEFAULT 22 CHECK (port BETWEEN 1 AND 65535),
    username    text NOT NULL COLLATE house,
    password    bytea,
    path        text NOT NULL COLLATE house DEFAULT '/',
    enabled     boolean NOT NULL DEFAULT true,
    version     bigint NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL,
    modified_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, reference),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts (tenant_id, id),
    CHECK ((account_id IS NULL) = (customer_id IS NULL))
);
CREATE INDEX sftp_connections_by_customer ON sftp_connections (tenant_id, customer_id, reference);
CREATE INDEX sftp_connections_by_account ON sftp_connections (tenant_id, account_id, reference);
CREATE INDEX sftp_connections_by_customer_name ON sftp_connections (tenant_id, customer_id, lower(name), name, reference);
