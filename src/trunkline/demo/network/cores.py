"""Packet cores and what is configured on them: systems, APNs, system profiles, keysets and their mappings."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from trunkline.demo.accounts import Account
from trunkline.demo.draw import Draw
from trunkline.demo.network.owned import OWNED_COLUMNS, Owned, life

SYSTEM_COLUMNS = (*OWNED_COLUMNS, "name", "description", "extensions")
APN_COLUMNS = (*OWNED_COLUMNS, "name", "max_download", "max_upload", "qci", "arp", "pdn_type")
PROFILE_COLUMNS = (*OWNED_COLUMNS, "name", "extensions")
PROFILE_SYSTEM_COLUMNS = ("system_profile_id", "system_id")
PROFILE_APN_COLUMNS = ("system_profile_id", "position", "apn_id", "max_download", "max_upload")
KEYSET_COLUMNS = (*OWNED_COLUMNS, "name", "algorithm")
MAPPING_COLUMNS = (*OWNED_COLUMNS, "name", "keyset_id", "system_id", "imsi_prefix")

DAY = timedelta(days=1)
MEBIBIT = 1024 * 1024


class Rates(NamedTuple):
    """An APN: its name, bit/s down and up, QoS class and priority (3GPP TS 23.203), kind of address."""

    name: str
    max_download: int
    max_upload: int
    qci: int
    arp: int
    pdn_type: str


class Plan(NamedTuple):
    """One packet core. `place` is the country whose legal entity owns it ("" the root account); `company` "" is the provider."""

    company: str
    place: str
    name: str
    description: str
    imsi_prefix: str
    extensions: dict[str, str]


# In the order in which they were built: the first is system 12.
PLANS: tuple[Plan, ...] = (
    Plan("ACME", "", "ACME Core Chicago", "Packet core of the head office and the plants in North America, 4G and 5G standalone", "12348",
         {"release": "24.2", "region": "us-central"}),
    Plan("ACME", "", "ACME Core Dallas", "Standby of Chicago; takes over within a minute", "12348", {"release": "24.2"}),
    Plan("ACME", "DE", "ACME Core Frankfurt", "Campus networks in Germany, licensed band n78", "99940", {"release": "24.1", "band": "n78"}),
    Plan("ACME", "JP", "ACME Core Osaka", "Campus networks in Japan, licensed band n79", "99941", {"release": "23.4", "band": "n79"}),
    Plan("Nordhavn", "", "Nordhavn Core Copenhagen", "Handhelds and tills of all stores in the Nordics", "99952", {"release": "24.2"}),
    Plan("Nordhavn", "DE", "Nordhavn Core Hamburg", "Distribution centres in Germany", "99953", {}),
    Plan("", "", "Meridian Shared Core Amsterdam", "For customers without a core of their own", "99960", {"release": "24.2"}),
    Plan("", "", "Meridian Lab", "Acceptance of new releases; test SIMs only", "00101", {"release": "25.0-rc1"}),
)  # fmt: skip

RATES: tuple[Rates, ...] = (
    Rates("internet", 300 * MEBIBIT, 150 * MEBIBIT, 9, 9, "ipv4v6"),
    Rates("telemetry", MEBIBIT, MEBIBIT, 8, 8, "ipv4"),
    Rates("cctv.plant", 20 * MEBIBIT, 80 * MEBIBIT, 7, 6, "ipv4"),
    Rates("agv.control", 10 * MEBIBIT, 10 * MEBIBIT, 3, 2, "ipv4"),
)

# Which APNs (places in RATES) a profile offers, and its rates for the first of them: the name says both.
PROFILES: tuple[tuple[tuple[int, ...], int, int], ...] = (
    ((0,), 200 * MEBIBIT, 100 * MEBIBIT),
    ((0, 1), 50 * MEBIBIT, 20 * MEBIBIT),
    ((1,), MEBIBIT, MEBIBIT),
    ((2, 0), 10 * MEBIBIT, 60 * MEBIBIT),
    ((3, 1), 5 * MEBIBIT, 5 * MEBIBIT),
)


@dataclass(slots=True, kw_only=True, eq=False)
class System(Owned):
    """A packet core."""

    plan: Plan
    name: str
    description: str
    extensions: str


@dataclass(slots=True, kw_only=True, eq=False)
class Apn(Owned):
    """An access point name with its rates."""

    name: str
    max_download: int
    max_upload: int
    qci: int
    arp: int
    pdn_type: str


@dataclass(slots=True)
class ProfileSystem:
    """That a profile may be given on a system."""

    system_profile_id: UUID
    system_id: UUID


@dataclass(slots=True)
class ProfileApn:
    """An entry of a profile's list of APNs. A rate that is not given is the APN's own."""

    system_profile_id: UUID
    position: int
    apn_id: UUID
    max_download: int | None
    max_upload: int | None


@dataclass(slots=True, kw_only=True, eq=False)
class SystemProfile(Owned):
    """What a subscriber may use, on which systems."""

    name: str
    systems: list[System]
    extensions: str = "{}"
    apns: list[ProfileApn] = field(default_factory=list)


@dataclass(slots=True, kw_only=True, eq=False)
class Keyset(Owned):
    """What the cards of one maker have in common."""

    name: str
    algorithm: str = "milenage"
    secrets: tuple[str, ...] = ("op", "transport_key")


@dataclass(slots=True, kw_only=True, eq=False)
class KeysetMapping(Owned):
    """Which keyset holds for the cards whose IMSI begins so."""

    name: str
    keyset_id: UUID
    system_id: UUID
    imsi_prefix: str


@dataclass(slots=True)
class Core:
    """A system with what is configured for its owner: subscribers take these."""

    system: System
    profiles: list[SystemProfile]
    keysets: list[Keyset]


@dataclass(slots=True)
class Cores:
    """Everything of this kind."""

    systems: list[System] = field(default_factory=list)
    apns: list[Apn] = field(default_factory=list)
    profiles: list[SystemProfile] = field(default_factory=list)
    keysets: list[Keyset] = field(default_factory=list)
    mappings: list[KeysetMapping] = field(default_factory=list)
    cores: list[Core] = field(default_factory=list)

    @property
    def profile_systems(self) -> list[ProfileSystem]:
        return [ProfileSystem(profile.id, system.id) for profile in self.profiles for system in profile.systems]

    @property
    def profile_apns(self) -> list[ProfileApn]:
        return [entry for profile in self.profiles for entry in profile.apns]


def make_cores(draw: Draw, now: datetime, accounts: list[Account]) -> Cores:
    """The cores of PLANS, each owner's with its APNs, profiles and keysets; the oldest system and profile are ACME's."""
    made = Cores()
    start = accounts[0].created_at + 20 * DAY
    for number, plan in enumerate(PLANS):
        owner = _owner(accounts, plan)
        first = max(start + 9 * number * DAY, owner.created_at + DAY if owner else start)
        system = System(
            **life(draw, now, owner, first, first + 8 * DAY),
            plan=plan, name=plan.name, description=plan.description, extensions=json.dumps(plan.extensions),
        )  # fmt: skip
        made.systems.append(system)
        beside = next((core for core in made.cores if core.system.account is owner), None)
        core = _configure(draw, now, made, system) if beside is None else Core(system, beside.profiles, beside.keysets)
        if beside is not None:
            for profile in core.profiles:
                profile.systems.append(system)
        made.mappings.append(_mapping(draw, now, core))
        made.cores.append(core)
    return made


def _owner(accounts: list[Account], plan: Plan) -> Account | None:
    if not plan.company:
        return None
    of_company = [account for account in accounts if account.company.brand == plan.company]
    if not plan.place:
        return of_company[0]
    return next(account for account in of_company if account.entity is account and account.place.code == plan.place)


def _configure(draw: Draw, now: datetime, made: Cores, system: System) -> Core:
    owner, first = system.account, system.created_at + DAY
    apns = [Apn(**life(draw, now, owner, first, first + DAY), **rates._asdict()) for rates in RATES]
    first += 2 * DAY
    profiles = []
    for places, down, up in PROFILES:
        profile = SystemProfile(
            **life(draw, now, owner, first, first + DAY),
            name=f"{RATES[places[0]].name}-{down}-{up}", systems=[system],
        )  # fmt: skip
        first += DAY
        for position, place in enumerate(places, 1):
            own = position == 1
            profile.apns.append(ProfileApn(profile.id, position, apns[place].id, down if own else None, up if own else None))
        profiles.append(profile)
    brand = owner.company.brand if owner else "Meridian"
    keysets = [
        Keyset(**life(draw, now, owner, first, first + DAY), name=f"{brand} {word}") for word in ("cards 4G", "cards 5G")
    ]
    made.apns += apns
    made.profiles += profiles
    made.keysets += keysets
    return Core(system, profiles, keysets)


def _mapping(draw: Draw, now: datetime, core: Core) -> KeysetMapping:
    keyset, system = core.keysets[0], core.system
    first = max(keyset.created_at, system.created_at)
    return KeysetMapping(
        **life(draw, now, system.account, first, first + DAY),
        name=f"{system.plan.imsi_prefix} on {system.name}",
        keyset_id=keyset.id, system_id=system.id, imsi_prefix=system.plan.imsi_prefix,
    )  # fmt: skip
