"""The closed lists of words of the inventory (reference/expeto.md §5)."""

from enum import StrEnum


class PdnType(StrEnum):
    """Which addresses an APN gives."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"
    IPV4V6 = "ipv4v6"


class Algorithm(StrEnum):
    """How SIM and network prove themselves to each other (3GPP TS 35.205)."""

    MILENAGE = "milenage"


class RadioStatus(StrEnum):
    PLANNED = "planned"
    ACTIVE = "active"
    INACTIVE = "inactive"


class NotificationType(StrEnum):
    INFORMATION = "information"
    ALARM = "alarm"
    USAGE = "usage"
    MAINTENANCE = "maintenance"


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"
