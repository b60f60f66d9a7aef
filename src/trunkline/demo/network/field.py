"""What stands in the field and what watches it: private radios, monitoring endpoints, file transfers, notifications, groups."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from trunkline.demo.accounts import Account
from trunkline.demo.draw import Draw
from trunkline.demo.network.cores import Core
from trunkline.demo.network.owned import OWNED_COLUMNS, Owned, life
from trunkline.demo.sites import Site

GROUP_COLUMNS = (*OWNED_COLUMNS, "name", "description")
RADIO_COLUMNS = (*OWNED_COLUMNS, "name", "description", "site_id", "serial_number", "status")
ENDPOINT_COLUMNS = (*OWNED_COLUMNS, "name", "description", "site_id", "address", "port", "enabled")
SFTP_COLUMNS = (*OWNED_COLUMNS, "name", "host", "port", "username", "path", "enabled")
NOTIFICATION_COLUMNS = (*OWNED_COLUMNS, "name", "type", "severity", "message", "read")

DAY = timedelta(days=1)

GROUPS = (
    ("Handhelds", "Scanners and phones of the floor staff"),
    ("Vehicles", "Forklifts, tractors and automated guided vehicles"),
    ("Sensors", "Meters, gates and everything that reports a few bytes an hour"),
    ("Cameras", "Uplink heavy: own APN"),
    ("Routers", "Backup lines of the sites"),
)
RADIOS = (
    ("Hall A, north wall", "Indoor 4x4, 250 mW"),
    ("Hall B, crane bridge", "Indoor 2x2, 250 mW; survey before moving the crane"),
    ("Yard mast", "Outdoor sector 120 degrees, 5 W, tilt 4 degrees"),
    ("Cold store", "Indoor 2x2 in a heated housing"),
    ("Roof, south-west", "Outdoor sector 65 degrees, 5 W"),
)
PROBES = (("SNMP of the radio controller", 161), ("User plane echo", 2152), ("Core management", 443), ("Time server", 123))
MESSAGES = (
    (
        "Core restarted",
        "alarm",
        "critical",
        "{system} restarted after a failed health check; sessions were restored within 40 s.",
    ),
    ("Radio unreachable", "alarm", "warning", "A private radio of {owner} has not answered for 15 minutes."),
    ("Certificate expires", "maintenance", "warning", "The certificate of {system} towards the roaming hub ends in 21 days."),
    ("Planned work", "maintenance", "info", "{system} gets its next release on Sunday between 02:00 and 04:00 UTC."),
    ("Allowance nearly used", "usage", "info", "{owner} has used 90 % of this month's data allowance."),
    ("Unusual traffic", "usage", "warning", "One SIM of {owner} sent more than ten times its usual volume yesterday."),
    ("New batch of SIMs", "information", "info", "Forty cards of {owner} were imported and wait for activation."),
)


@dataclass(slots=True, kw_only=True, eq=False)
class Group(Owned):
    """A group of subscribers."""

    name: str
    description: str


@dataclass(slots=True, kw_only=True, eq=False)
class PrivateRadio(Owned):
    """A radio at a site."""

    name: str
    description: str
    site_id: UUID | None
    serial_number: str
    status: str


@dataclass(slots=True, kw_only=True, eq=False)
class MonitoringEndpoint(Owned):
    """An address that is watched."""

    name: str
    description: str
    site_id: UUID | None
    address: str
    port: int | None
    enabled: bool


@dataclass(slots=True, kw_only=True, eq=False)
class SftpConnection(Owned):
    """Where files are taken to."""

    name: str
    host: str
    port: int
    username: str
    path: str
    enabled: bool
    secrets: tuple[str, ...] = ("password",)


@dataclass(slots=True, kw_only=True, eq=False)
class Notification(Owned):
    """What the network had to say."""

    name: str
    type: str
    severity: str
    message: str
    read: bool


def make_groups(draw: Draw, now: datetime, cores: list[Core]) -> list[Group]:
    """The groups of each owner of a core."""
    return [
        Group(**life(draw, now, core.system.account, core.system.created_at, core.system.created_at + 5 * DAY), name=name,
              description=description)
        for core in _first_of_each_owner(cores)
        for name, description in GROUPS
    ]  # fmt: skip


def make_radios(draw: Draw, now: datetime, cores: list[Core], sites: list[Site]) -> list[PrivateRadio]:
    """Radios at the sites of each owner of a core; the provider has a spare one."""
    return [radio for core in _first_of_each_owner(cores) for radio in _radios(draw, now, core, sites)]


def _radios(draw: Draw, now: datetime, core: Core, sites: list[Site]) -> Iterator[PrivateRadio]:
    owner = core.system.account
    places: list[Site | None] = [site for site in sites if site.account is owner]
    for site in places or [None]:
        for number in range(draw.whole(2, 4) if site else 1):
            name, description = RADIOS[number] if site else ("Spare radio", "On the shelf of the lab")
            first = max(core.system.created_at, site.created_at if site else core.system.created_at)
            status = "active" if site and number < 2 else "inactive" if number == 2 else "planned"
            yield PrivateRadio(
                **life(draw, now, owner, first, now - 30 * DAY),
                name=f"{site.name}: {name}" if site else name,
                description=description,
                site_id=site.id if site else None,
                serial_number=draw.pattern("PR%###-@@####"),
                status=status,
            )


def make_endpoints(draw: Draw, now: datetime, cores: list[Core], sites: list[Site]) -> list[MonitoringEndpoint]:
    """What is watched of each core; one address in five is switched off."""
    made = []
    for number, core in enumerate(cores, 20):
        site = next((site for site in sites if site.account is core.system.account), None)
        for place, (name, port) in enumerate(PROBES):
            first = max(core.system.created_at, site.created_at if site else core.system.created_at)
            made.append(
                MonitoringEndpoint(
                    **life(draw, now, core.system.account, first, now - 30 * DAY),
                    name=f"{name}, {core.system.name}",
                    description=f"Probed every {draw.one((15, 30, 60))} seconds",
                    site_id=site.id if site and place else None,
                    address=f"10.{number}.0.{10 + place}",
                    port=port,
                    enabled=not draw.happens(0.2),
                )
            )
    return made


def make_transfers(draw: Draw, now: datetime, cores: list[Core]) -> list[SftpConnection]:
    """Two file transfers of each owner of a core."""
    made = []
    for core in _first_of_each_owner(cores):
        owner = core.system.account
        domain = owner.company.domain if owner else "meridian.example"
        for name, path, enabled in (("Usage records", "/outbound/cdr", True), ("Inventory", "/outbound/sims", False)):
            first = core.system.created_at
            made.append(
                SftpConnection(
                    **life(draw, now, owner, first, now - 30 * DAY),
                    name=f"{name} to {domain}",
                    host=f"files.{domain}",
                    port=22,
                    username="network-export",
                    path=path,
                    enabled=enabled,
                )
            )
    return made


def make_notifications(draw: Draw, now: datetime, cores: list[Core]) -> list[Notification]:
    """What happened in the last two months; older ones have mostly been read."""
    made = []
    for core in cores:
        owner = core.system.account
        for name, kind, severity, message in MESSAGES:
            for _ in range(draw.whole(1, 3)):
                said = life(draw, now, owner, now - 60 * DAY, now)
                read = draw.happens(0.8 if said["created_at"] < now - 7 * DAY else 0.2)
                if not read:
                    said |= {"modified_at": said["created_at"], "version": 1}
                text = message.format(system=core.system.name, owner=owner.name if owner else "the provider")
                made.append(Notification(**said, name=name, type=kind, severity=severity, message=text, read=read))
    return made


def _first_of_each_owner(cores: list[Core]) -> list[Core]:
    found: dict[Account | None, Core] = {}
    for core in cores:
        found.setdefault(core.system.account, core)
    return list(found.values())
