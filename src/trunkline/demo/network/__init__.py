"""The private mobile networks of the demonstration: cores, what is configured on them, radios, devices and SIMs."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from trunkline.demo import loading
from trunkline.demo.accounts import Account
from trunkline.demo.draw import Draw
from trunkline.demo.network import cores, devices, field, subscribers
from trunkline.demo.network.cores import Cores
from trunkline.demo.network.devices import Device
from trunkline.demo.network.field import Group, MonitoringEndpoint, Notification, PrivateRadio, SftpConnection
from trunkline.demo.network.subscribers import Subscriber
from trunkline.demo.services import Service
from trunkline.demo.sites import Site

# Collection, sequence of its references.
SEQUENCES = {
    "systems": "system_references",
    "apns": "apn_references",
    "system_profiles": "system_profile_references",
    "groups": "group_references",
    "keysets": "keyset_references",
    "keyset_mappings": "keyset_mapping_references",
    "devices": "device_references",
    "notifications": "notification_references",
    "private_radios": "private_radio_references",
    "monitoring_endpoints": "monitoring_endpoint_references",
    "sftp_connections": "sftp_connection_references",
    "subscribers": "subscriber_references",
}
FIRST_SYSTEM, FIRST_PROFILE, FIRST_OTHER = 12, 123_456_789, 1001

# Their statistics are taken at once, as those of the others (demo.REFERRED_TO).
REFERRED_TO = ("systems", "system_profiles", "keysets", "devices", "groups")


@dataclass(frozen=True)
class Network:
    """Everything of the mobile networks."""

    cores: Cores
    groups: list[Group]
    devices: list[Device]
    radios: list[PrivateRadio]
    endpoints: list[MonitoringEndpoint]
    transfers: list[SftpConnection]
    notifications: list[Notification]
    subscribers: list[Subscriber]


def make_network(draw: Draw, now: datetime, accounts: list[Account], sites: list[Site], services: list[Service]) -> Network:
    """The networks of the two named customers, and the provider's own stock; with their references."""
    made = cores.make_cores(draw, now, accounts)
    owners = list(dict.fromkeys(system.account for system in made.systems))
    groups = field.make_groups(draw, now, made.cores)
    all_devices = devices.make_devices(draw, now, owners, accounts[0].created_at + timedelta(days=60))
    network = Network(
        cores=made,
        groups=groups,
        devices=all_devices,
        radios=field.make_radios(draw, now, made.cores, sites),
        endpoints=field.make_endpoints(draw, now, made.cores, sites),
        transfers=field.make_transfers(draw, now, made.cores),
        notifications=field.make_notifications(draw, now, made.cores),
        subscribers=subscribers.SubscriberMaker(draw, now, made.cores, groups, all_devices, services).make(),
    )
    _number(network)
    return network


def _number(network: Network) -> None:
    made = network.cores
    loading.number_plainly(made.systems, FIRST_SYSTEM)
    loading.number_plainly(made.profiles, FIRST_PROFILE)
    loading.number_plainly([device for device in network.devices if not device.reference], FIRST_OTHER)
    for things in (
        made.apns, made.keysets, made.mappings, network.groups, network.radios, network.endpoints, network.transfers,
        network.notifications,
    ):  # fmt: skip
        loading.number_plainly(things, FIRST_OTHER)


def tables(network: Network) -> tuple[tuple[str, tuple[str, ...], list[Any]], ...]:
    """(table, columns, objects that have them as attributes), in the order in which they can be written."""
    made = network.cores
    return (
        ("systems", cores.SYSTEM_COLUMNS, made.systems),
        ("apns", cores.APN_COLUMNS, made.apns),
        ("system_profiles", cores.PROFILE_COLUMNS, made.profiles),
        ("system_profile_systems", cores.PROFILE_SYSTEM_COLUMNS, made.profile_systems),
        ("system_profile_apns", cores.PROFILE_APN_COLUMNS, made.profile_apns),
        ("groups", field.GROUP_COLUMNS, network.groups),
        ("keysets", cores.KEYSET_COLUMNS, made.keysets),
        ("keyset_mappings", cores.MAPPING_COLUMNS, made.mappings),
        ("devices", devices.COLUMNS, network.devices),
        ("private_radios", field.RADIO_COLUMNS, network.radios),
        ("monitoring_endpoints", field.ENDPOINT_COLUMNS, network.endpoints),
        ("sftp_connections", field.SFTP_COLUMNS, network.transfers),
        ("notifications", field.NOTIFICATION_COLUMNS, network.notifications),
        ("subscribers", subscribers.COLUMNS, network.subscribers),
    )
