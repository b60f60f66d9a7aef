"""What is asked of the inventory's objects: the same draft to create one and to change one.

`UNSET` (the default of every field) keeps a field as it is, or takes its default; `None` clears it. A link is the reference of the
object that is linked; `account` is the owner. Keys are hexadecimal text, rates bit/s.
"""

from typing import TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

Text: TypeAlias = str | UnsetType | None
Number: TypeAlias = int | UnsetType | None
Truth: TypeAlias = bool | UnsetType | None
Extensions: TypeAlias = dict[str, str] | UnsetType | None


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What every draft has."""

    account: Text = UNSET


class ApnProfileDraft(msgspec.Struct, frozen=True, kw_only=True):
    """An APN in a system profile, by reference; a null rate means the APN's own."""

    apn: str
    max_download: int | None = None
    max_upload: int | None = None


class SystemDraft(Draft, frozen=True, kw_only=True):
    name: Text = UNSET
    description: Text = UNSET
    extensions: Extensions = UNSET


class ApnDraft(Draft, frozen=True, kw_only=True):
    name: Text = UNSET
    max_download: Number = UNSET
    max_upload: Number = UNSET
    qci: Number = UNSET
    arp: Number = UNSET
    pdn_type: Text = UNSET


class SystemProfileDraft(Draft, frozen=True, kw_only=True):
    name: Text = UNSET
    extensions: Extensions = UNSET
    systems: tuple[str, ...] | UnsetType | None = UNSET
    apn_profiles: tuple[ApnProfileDraft, ...] | UnsetType | None = UNSET


class GroupDraft(Draft, frozen=True, kw_only=True):
    name: Text = UNSET
    description: Text = UNSET


class KeysetDraft(Draft, frozen=True, kw_only=True):
    name: Text = UNSET
    algorithm: Text = UNSET
    op: Text = UNSET
    transport_key: Text = UNSET


class KeysetMappingDraft(Draft, frozen=True, kw_only=True):
    name: Text = UNSET
    keyset: Text = UNSET
    system: Text = UNSET
    imsi_prefix: Text = UNSET


class DeviceDraft(Draft, frozen=True, kw_only=True):
    """`reference` may be chosen when the device is created; later it is ignored."""

    reference: Text = UNSET
    tac: Text = UNSET
    brand_name: Text = UNSET
    model_name: Text = UNSET
    device_type: Text = UNSET
    os: Text = UNSET
    source: Text = UNSET


class PrivateRadioDraft(Draft, frozen=True, kw_only=True):
    name: Text = UNSET
    description: Text = UNSET
    site: Text = UNSET
    serial_number: Text = UNSET
    status: Text = UNSET


class NotificationDraft(Draft, frozen=True, kw_only=True):
    name: Text = UNSET
    type: Text = UNSET
    severity: Text = UNSET
    message: Text = UNSET
    read: Truth = UNSET


class MonitoringEndpointDraft(Draft, frozen=True, kw_only=True):
    name: Text = UNSET
    description: Text = UNSET
    site: Text = UNSET
    address: Text = UNSET
    port: Number = UNSET
    enabled: Truth = UNSET


class SftpConnectionDraft(Draft, frozen=True, kw_only=True):
    name: Text = UNSET
    host: Text = UNSET
    port: Number = UNSET
    username: Text = UNSET
    password: Text = UNSET
    path: Text = UNSET
    enabled: Truth = UNSET
