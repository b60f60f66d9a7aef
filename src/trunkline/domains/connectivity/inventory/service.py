"""The inventory of a mobile network: eleven collections with the same five use cases (`Collection.page` … `Collection.remove`)."""

from typing import Any

from trunkline.domains.connectivity.inventory import catalogue
from trunkline.domains.connectivity.inventory.collection import Collection, reseal_batch
from trunkline.domains.connectivity.inventory.drafts import (
    ApnDraft,
    ApnProfileDraft,
    DeviceDraft,
    GroupDraft,
    KeysetDraft,
    KeysetMappingDraft,
    MonitoringEndpointDraft,
    NotificationDraft,
    PrivateRadioDraft,
    SftpConnectionDraft,
    SystemDraft,
    SystemProfileDraft,
)
from trunkline.domains.connectivity.inventory.model import (
    Apn,
    ApnProfile,
    DeepApn,
    DeepDevice,
    DeepGroup,
    DeepKeyset,
    DeepKeysetMapping,
    DeepMonitoringEndpoint,
    DeepNotification,
    DeepPrivateRadio,
    DeepSftpConnection,
    DeepSystem,
    DeepSystemProfile,
    Device,
    Group,
    Keyset,
    KeysetMapping,
    LinkedSystem,
    MonitoringEndpoint,
    Notification,
    PrivateRadio,
    SftpConnection,
    System,
    SystemProfile,
)
from trunkline.domains.connectivity.inventory.profiles import SystemProfiles
from trunkline.domains.connectivity.inventory.words import Algorithm, NotificationType, PdnType, RadioStatus, Severity

SYSTEMS = Collection(catalogue.SYSTEMS)
APNS = Collection(catalogue.APNS)
SYSTEM_PROFILES = SystemProfiles(catalogue.SYSTEM_PROFILES)
GROUPS = Collection(catalogue.GROUPS)
KEYSETS = Collection(catalogue.KEYSETS)
KEYSET_MAPPINGS = Collection(catalogue.KEYSET_MAPPINGS)
DEVICES = Collection(catalogue.DEVICES)
PRIVATE_RADIOS = Collection(catalogue.PRIVATE_RADIOS)
NOTIFICATIONS = Collection(catalogue.NOTIFICATIONS)
MONITORING_ENDPOINTS = Collection(catalogue.MONITORING_ENDPOINTS)
SFTP_CONNECTIONS = Collection(catalogue.SFTP_CONNECTIONS)

COLLECTIONS: tuple[Collection[Any, Any, Any], ...] = (
    SYSTEMS, APNS, SYSTEM_PROFILES, GROUPS, KEYSETS, KEYSET_MAPPINGS, DEVICES, PRIVATE_RADIOS, NOTIFICATIONS, MONITORING_ENDPOINTS,
    SFTP_CONNECTIONS,
)  # fmt: skip

__all__ = [
    "APNS", "COLLECTIONS", "DEVICES", "GROUPS", "KEYSETS", "KEYSET_MAPPINGS", "MONITORING_ENDPOINTS", "NOTIFICATIONS",
    "PRIVATE_RADIOS", "SFTP_CONNECTIONS", "SYSTEMS", "SYSTEM_PROFILES", "Algorithm", "Apn", "ApnDraft", "ApnProfile",
    "ApnProfileDraft", "Collection", "DeepApn", "DeepDevice", "DeepGroup", "DeepKeyset", "DeepKeysetMapping",
    "DeepMonitoringEndpoint", "DeepNotification", "DeepPrivateRadio", "DeepSftpConnection", "DeepSystem", "DeepSystemProfile",
    "Device", "DeviceDraft", "Group", "GroupDraft", "Keyset", "KeysetDraft", "KeysetMapping", "KeysetMappingDraft", "LinkedSystem",
    "MonitoringEndpoint", "MonitoringEndpointDraft", "Notification", "NotificationDraft", "NotificationType", "PdnType",
    "PrivateRadio", "PrivateRadioDraft", "RadioStatus", "Severity", "SftpConnection", "SftpConnectionDraft", "System",
    "SystemDraft", "SystemProfile", "SystemProfileDraft", "reseal_batch",
]  # fmt: skip
