"""Every collection of the Network API, in the order in which the root names them (reference/expeto.md §4)."""

from trunkline.dialects.network.collections.audit import AUDIT_LOGS
from trunkline.dialects.network.collections.customers import CUSTOMERS, SITES
from trunkline.dialects.network.collections.equipment import (
    DEVICES,
    MONITORING_ENDPOINTS,
    NOTIFICATIONS,
    PRIVATE_RADIOS,
    SFTP_CONNECTIONS,
)
from trunkline.dialects.network.collections.people import ACCOUNT_TOKENS, ACCOUNTS, SITE_TOKENS
from trunkline.dialects.network.collections.subscribers import SUBS
from trunkline.dialects.network.collections.systems import (
    APNS,
    GROUPS,
    KEYSET_MAPPINGS,
    KEYSETS,
    SYSTEM_PROFILES,
    SYSTEMS,
)
from trunkline.dialects.network.resource import Resource

RESOURCES: tuple[Resource, ...] = (
    SUBS,
    ACCOUNTS,
    CUSTOMERS,
    SITES,
    GROUPS,
    SYSTEMS,
    SYSTEM_PROFILES,
    APNS,
    KEYSETS,
    KEYSET_MAPPINGS,
    DEVICES,
    NOTIFICATIONS,
    PRIVATE_RADIOS,
    MONITORING_ENDPOINTS,
    SFTP_CONNECTIONS,
    ACCOUNT_TOKENS,
    SITE_TOKENS,
    AUDIT_LOGS,
)
BY_PATH = {resource.path: resource for resource in RESOURCES}
