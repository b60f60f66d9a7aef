"""The objects of the inventory, as they are stored (`System`) and with the names of what they are linked to (`DeepSystem`).

Secrets are in no model; `has_op` and its like say whether there is one. Rates are bit/s, instants UTC. The fields' names are the
columns' (inventory/fields.py derives the lists from them).
"""

from datetime import datetime
from uuid import UUID

import msgspec

from trunkline.domains.connectivity.inventory.words import Algorithm, NotificationType, PdnType, RadioStatus, Severity


class Item(msgspec.Struct, frozen=True):
    """What every object has. `account_id` and `customer_id` are null together: the provider's own stock."""

    id: UUID
    reference: str
    version: int
    account_id: UUID | None
    customer_id: UUID | None
    created_at: datetime
    modified_at: datetime


class LinkedSystem(msgspec.Struct, frozen=True):
    """A system that a profile is for."""

    reference: str
    name: str


class ApnProfile(msgspec.Struct, frozen=True):
    """An APN in a system profile; a null rate means the APN's own."""

    apn_reference: str
    apn_name: str
    max_download: int | None
    max_upload: int | None


class System(Item, frozen=True):
    """A network core."""

    name: str
    description: str | None
    extensions: dict[str, str]


class DeepSystem(System, frozen=True):
    account_reference: str | None
    account_name: str | None


class Apn(Item, frozen=True):
    """An access point name with its rates and quality of service."""

    name: str
    max_download: int | None
    max_upload: int | None
    qci: int | None
    arp: int | None
    pdn_type: PdnType


class DeepApn(Apn, frozen=True):
    account_reference: str | None
    account_name: str | None


class SystemProfile(Item, frozen=True):
    """Which APNs a subscriber gets, in order, on the systems that the profile is for."""

    name: str
    extensions: dict[str, str]
    systems: tuple[LinkedSystem, ...]
    apn_profiles: tuple[ApnProfile, ...]


class DeepSystemProfile(SystemProfile, frozen=True):
    account_reference: str | None
    account_name: str | None

    @property
    def system_references(self) -> tuple[str, ...]:
        """References of the systems that it is for."""
        return tuple(system.reference for system in self.systems)


class Group(Item, frozen=True):
    """Subscribers that belong together."""

    name: str
    description: str | None


class DeepGroup(Group, frozen=True):
    account_reference: str | None
    account_name: str | None


class Keyset(Item, frozen=True):
    """Keys that a batch of SIMs shares: the operator's key (OP) and the one that transported their keys."""

    name: str
    algorithm: Algorithm
    has_op: bool
    has_transport_key: bool


class DeepKeyset(Keyset, frozen=True):
    account_reference: str | None
    account_name: str | None


class KeysetMapping(Item, frozen=True):
    """Which keyset the SIMs of a system, or of an IMSI prefix, use."""

    keyset_id: UUID
    system_id: UUID | None
    name: str
    imsi_prefix: str | None


class DeepKeysetMapping(KeysetMapping, frozen=True):
    account_reference: str | None
    account_name: str | None
    keyset_reference: str
    keyset_name: str
    system_reference: str | None
    system_name: str | None


class Device(Item, frozen=True):
    """A phone, modem or thing. `tac` is the first eight digits of its IMEI; `reference` may be a name of the customer's choice."""

    tac: str
    brand_name: str | None
    model_name: str | None
    device_type: str | None
    os: str | None
    source: str


class DeepDevice(Device, frozen=True):
    account_reference: str | None
    account_name: str | None


class PrivateRadio(Item, frozen=True):
    """A radio of a private network."""

    site_id: UUID | None
    name: str
    description: str | None
    serial_number: str | None
    status: RadioStatus


class DeepPrivateRadio(PrivateRadio, frozen=True):
    account_reference: str | None
    account_name: str | None
    site_reference: str | None
    site_name: str | None


class Notification(Item, frozen=True):
    """Something that a customer should know."""

    name: str
    type: NotificationType
    severity: Severity
    message: str | None
    read: bool


class DeepNotification(Notification, frozen=True):
    account_reference: str | None
    account_name: str | None


class MonitoringEndpoint(Item, frozen=True):
    """An address that is watched."""

    site_id: UUID | None
    name: str
    description: str | None
    address: str
    port: int | None
    enabled: bool


class DeepMonitoringEndpoint(MonitoringEndpoint, frozen=True):
    account_reference: str | None
    account_name: str | None
    site_reference: str | None
    site_name: str | None


class SftpConnection(Item, frozen=True):
    """Where files are fetched from or brought to."""

    name: str
    host: str
    port: int
    username: str
    path: str
    has_password: bool
    enabled: bool


class DeepSftpConnection(SftpConnection, frozen=True):
    account_reference: str | None
    account_name: str | None
