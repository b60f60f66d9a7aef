"""The eleven collections of the inventory (reference/expeto.md §4, §5): each one's parts, in the order in which faults are told."""

from typing import Any

from trunkline.domains.connectivity.inventory import drafts, model, rules
from trunkline.domains.connectivity.inventory.parts import Attribute, Description, Link, Secret
from trunkline.domains.connectivity.inventory.words import Algorithm, NotificationType, PdnType, RadioStatus, Severity
from trunkline.kit.query import Kind

NAME = Attribute("name", rules.NAME, required=True)
DESCRIPTION = Attribute("description", rules.DESCRIPTION)
EXTENSIONS = Attribute("extensions", rules.EXTENSIONS, kind=None, default={})
ENABLED = Attribute("enabled", rules.TRUTH, Kind.BOOLEAN, default=True)
SITE = Link("site", "sites")

SYSTEMS = Description(
    "systems", "system", model.System, model.DeepSystem, drafts.SystemDraft, parts=(NAME, DESCRIPTION, EXTENSIONS),
    used_by=(("subscribers", "system_id"), ("system_profile_systems", "system_id"), ("keyset_mappings", "system_id")),
)  # fmt: skip

APNS = Description(
    "apns", "apn", model.Apn, model.DeepApn, drafts.ApnDraft,
    parts=(
        Attribute("name", rules.APN_NAME, required=True),
        Attribute("max_download", rules.RATE, Kind.INTEGER),
        Attribute("max_upload", rules.RATE, Kind.INTEGER),
        Attribute("qci", rules.qci, Kind.INTEGER),
        Attribute("arp", rules.arp, Kind.INTEGER),
        Attribute("pdn_type", rules.word(PdnType), Kind.WORD, default=PdnType.IPV4),
    ),
    used_by=(("system_profile_apns", "apn_id"),),
)  # fmt: skip

SYSTEM_PROFILES = Description(  # its systems and APNs: inventory/profiles.py
    "system_profiles", "system_profile", model.SystemProfile, model.DeepSystemProfile, drafts.SystemProfileDraft,
    parts=(NAME, EXTENSIONS), used_by=(("subscribers", "system_profile_id"),),
)  # fmt: skip

GROUPS = Description(
    "groups", "group", model.Group, model.DeepGroup, drafts.GroupDraft, parts=(NAME, DESCRIPTION),
    used_by=(("subscribers", "group_id"),),
)  # fmt: skip

KEYSETS = Description(
    "keysets", "keyset", model.Keyset, model.DeepKeyset, drafts.KeysetDraft,
    parts=(
        NAME,
        Attribute("algorithm", rules.word(Algorithm), Kind.WORD, default=Algorithm.MILENAGE),
        Secret("op", rules.KEY, bytes.fromhex),
        Secret("transport_key", rules.TRANSPORT_KEY, bytes.fromhex),
    ),
    used_by=(("subscribers", "keyset_id"), ("keyset_mappings", "keyset_id")),
)  # fmt: skip

KEYSET_MAPPINGS = Description(
    "keyset_mappings", "keyset_mapping", model.KeysetMapping, model.DeepKeysetMapping, drafts.KeysetMappingDraft,
    parts=(
        NAME,
        Link("keyset", "keysets", required=True),
        Link("system", "systems"),
        Attribute("imsi_prefix", rules.IMSI_PREFIX, Kind.REFERENCE),
    ),
    duplicate="there is already a keyset mapping for this system and IMSI prefix",
)  # fmt: skip

DEVICES = Description(
    "devices", "device", model.Device, model.DeepDevice, drafts.DeviceDraft,
    parts=(
        Attribute("tac", rules.TAC, Kind.REFERENCE, required=True),
        Attribute("brand_name", rules.LABEL),
        Attribute("model_name", rules.LABEL),
        Attribute("device_type", rules.LABEL),
        Attribute("os", rules.LABEL),
        Attribute("source", rules.LABEL, default="manual"),
    ),
    chosen=True,
    used_by=(("subscribers", "device_id"),),
)  # fmt: skip

PRIVATE_RADIOS = Description(
    "private_radios", "private_radio", model.PrivateRadio, model.DeepPrivateRadio, drafts.PrivateRadioDraft,
    parts=(
        NAME,
        DESCRIPTION,
        SITE,
        Attribute("serial_number", rules.LABEL),
        Attribute("status", rules.word(RadioStatus), Kind.WORD, default=RadioStatus.PLANNED),
    ),
)  # fmt: skip

NOTIFICATIONS = Description(
    "notifications", "notification", model.Notification, model.DeepNotification, drafts.NotificationDraft,
    parts=(
        NAME,
        Attribute("type", rules.word(NotificationType), Kind.WORD, default=NotificationType.INFORMATION),
        Attribute("severity", rules.word(Severity), Kind.WORD, default=Severity.INFO),
        Attribute("message", rules.DESCRIPTION),
        Attribute("read", rules.TRUTH, Kind.BOOLEAN, default=False),
    ),
)  # fmt: skip

MONITORING_ENDPOINTS = Description(
    "monitoring_endpoints", "monitoring_endpoint", model.MonitoringEndpoint, model.DeepMonitoringEndpoint,
    drafts.MonitoringEndpointDraft,
    parts=(
        NAME,
        DESCRIPTION,
        SITE,
        Attribute("address", rules.HOST, required=True),
        Attribute("port", rules.PORT, Kind.INTEGER),
        ENABLED,
    ),
)  # fmt: skip

SFTP_CONNECTIONS = Description(
    "sftp_connections", "sftp_connection", model.SftpConnection, model.DeepSftpConnection, drafts.SftpConnectionDraft,
    parts=(
        NAME,
        Attribute("host", rules.HOST, required=True),
        Attribute("port", rules.PORT, Kind.INTEGER, default=22),
        Attribute("username", rules.LINE, required=True),
        Secret("password", rules.LINE, str.encode),
        Attribute("path", rules.PATH, default="/"),
        ENABLED,
    ),
)  # fmt: skip

DESCRIPTIONS: tuple[Description[Any, Any, Any], ...] = (
    SYSTEMS, APNS, SYSTEM_PROFILES, GROUPS, KEYSETS, KEYSET_MAPPINGS, DEVICES, PRIVATE_RADIOS, NOTIFICATIONS, MONITORING_ENDPOINTS,
    SFTP_CONNECTIONS,
)  # fmt: skip
