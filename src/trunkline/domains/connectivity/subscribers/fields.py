"""What subscribers and import jobs can be filtered and sorted by."""

from functools import partial
from typing import Any

import msgspec

from trunkline.domains.connectivity.subscribers.model import (
    DeepSubscriber,
    ImportJob,
    ListedDeepSubscriber,
    ListedSubscriber,
    Subscriber,
)
from trunkline.domains.connectivity.subscribers.rules import Linked
from trunkline.kit.query import Field, Kind, Listing, Reachable

SOURCE = (
    "subscribers b LEFT JOIN accounts a ON a.tenant_id = b.tenant_id AND a.id = b.account_id "
    "LEFT JOIN services v ON v.tenant_id = b.tenant_id AND v.id = b.service_id "
    "LEFT JOIN sites s ON s.tenant_id = b.tenant_id AND s.id = b.site_id "
    "LEFT JOIN systems y ON y.tenant_id = b.tenant_id AND y.id = b.system_id "
    "LEFT JOIN system_profiles p ON p.tenant_id = b.tenant_id AND p.id = b.system_profile_id "
    "LEFT JOIN groups g ON g.tenant_id = b.tenant_id AND g.id = b.group_id "
    "LEFT JOIN keysets e ON e.tenant_id = b.tenant_id AND e.id = b.keyset_id "
    "LEFT JOIN devices d ON d.tenant_id = b.tenant_id AND d.id = b.device_id"
)

COLUMNS = (
    "b.id", "b.reference", "b.version", "b.account_id", "b.customer_id", "b.service_id", "b.site_id", "b.system_id",
    "b.system_profile_id", "b.group_id", "b.keyset_id", "b.device_id", "b.imsi", "b.msisdn", "b.iccid", "b.k IS NOT NULL",
    "b.opc IS NOT NULL", "b.status", "b.type", "b.extensions", "b.suspended_with_account", "b.created_at", "b.modified_at",
)  # fmt: skip

# What holds for a subscriber: its system and account, then its profile, then its own (reference/expeto.md §5).
EFFECTIVE = "coalesce(y.extensions, '{}') || coalesce(a.extensions, '{}') || coalesce(p.extensions, '{}') || b.extensions"

DEEP_COLUMNS = (
    *COLUMNS, "a.reference", "a.name", "v.reference", "v.name", "s.reference", "s.name", "y.reference", "y.name", "p.reference",
    "p.name", "g.reference", "g.name", "e.reference", "e.name", "d.reference", "d.model_name", EFFECTIVE,
)  # fmt: skip

LISTED_COLUMNS = (
    "b.reference", "b.version", "b.imsi", "b.msisdn", "b.iccid", "b.opc IS NOT NULL", "b.status", "b.type", "b.extensions",
    "b.modified_at",
)  # fmt: skip

LISTED_DEEP_COLUMNS = (
    *LISTED_COLUMNS, "a.reference", "a.name", "s.reference", "s.name", "y.reference", "y.name", "p.reference", "p.name", "g.reference",
    "g.name", "e.reference", "e.name", "d.reference", "d.model_name", EFFECTIVE,
)  # fmt: skip

EXTENSIONS = COLUMNS.index("b.extensions")

_decode = msgspec.json.Decoder(dict[str, str]).decode


def read_subscriber(*row: Any) -> Subscriber:
    """A row of `COLUMNS` as an object."""
    values = list(row)
    values[EXTENSIONS] = _decode(values[EXTENSIONS])
    return Subscriber(*values)


def read_deep_subscriber(*row: Any) -> DeepSubscriber:
    """A row of `DEEP_COLUMNS` as an object."""
    values = list(row)
    values[EXTENSIONS] = _decode(values[EXTENSIONS])
    values[-1] = _decode(values[-1])
    return DeepSubscriber(*values)


_subscribers = partial(
    Listing,
    table="b",
    source=SOURCE,
    fields=(
        Field("reference", "b.reference", Kind.REFERENCE),
        Field("imsi", "b.imsi", Kind.REFERENCE),
        Field("msisdn", "b.msisdn", Kind.REFERENCE),
        Field("iccid", "b.iccid", Kind.REFERENCE, nullable=True),
        Field("status", "b.status", Kind.WORD),
        Field("type", "b.type", Kind.WORD),
        Field("account_reference", "a.reference", Kind.REFERENCE, nullable=True),
        Field("service_reference", "v.reference", Kind.REFERENCE, nullable=True),
        Field("site_reference", "s.reference", Kind.REFERENCE, nullable=True),
        Field("system_reference", "y.reference", Kind.REFERENCE, nullable=True),
        Field("system_profile_reference", "p.reference", Kind.REFERENCE, nullable=True),
        Field("group_reference", "g.reference", Kind.REFERENCE, nullable=True),
        Field("keyset_reference", "e.reference", Kind.REFERENCE, nullable=True),
        Field("device_reference", "d.reference", Kind.WORD, nullable=True),  # callers may choose a device's: as it is spelled
        *(
            Field(f"{link}_id", f"b.{link}_id", Kind.UUID, nullable=True, sortable=False)
            for link in ("account", "service", "site", "system", "system_profile", "group", "keyset", "device")
        ),
        Field("version", "b.version", Kind.INTEGER),
        Field("created_at", "b.created_at", Kind.INSTANT),
        Field("modified_at", "b.modified_at", Kind.INSTANT),
    ),
    reach=Reachable(customer="b.customer_id", account="b.account_id"),
    collections=("subscribers",),  # references never change, so the joined tables cannot change what matches
    condition="b.deleted_at IS NULL",
    sized=True,
)

SUBSCRIBERS: Listing[Subscriber] = _subscribers(name="subscribers", model=read_subscriber, columns=COLUMNS)
SUBSCRIBERS_DEEP: Listing[DeepSubscriber] = _subscribers(
    name="subscribers_deep", model=read_deep_subscriber, columns=DEEP_COLUMNS
)
LISTED: Listing[ListedSubscriber] = _subscribers(name="subscribers_listed", model=ListedSubscriber, columns=LISTED_COLUMNS)
LISTED_DEEP: Listing[ListedDeepSubscriber] = _subscribers(
    name="subscribers_listed_deep", model=ListedDeepSubscriber, columns=LISTED_DEEP_COLUMNS
)

IMPORT_JOBS = Listing(
    name="import_jobs",
    model=ImportJob,
    table="j",
    source="import_jobs j",
    columns=(
        "j.id", "j.reference", "j.version", "j.account_id", "j.customer_id", "j.kind", "j.dry_run", "j.status", "j.total", "j.done",
        "j.created", "j.updated", "j.deleted", "j.failed", "j.created_at", "j.modified_at", "j.finished_at",
    ),
    fields=(
        Field("reference", "j.reference", Kind.REFERENCE),
        Field("status", "j.status", Kind.WORD),
        Field("created_at", "j.created_at", Kind.INSTANT),
    ),
    reach=Reachable(customer="j.customer_id", account="j.account_id"),
    collections=("import_jobs",),
)  # fmt: skip


def _linked(table: str, *, account: str = "t.account_id", site: str = "NULL::uuid") -> Listing[Linked]:
    """What drafts may name of a table: the rows that the caller reaches, with no more than the rules ask."""
    return Listing(
        name=f"linked_{table}",
        model=Linked,
        table="t",
        source=f"{table} t",
        columns=("t.id", "t.reference", account, "t.customer_id", site),
        fields=(Field("reference", "t.reference", Kind.WORD),),
        reach=Reachable(customer="t.customer_id", account=account),
        collections=(table,),
    )


LINKED: dict[str, Listing[Linked]] = {
    "account": _linked("accounts", account="t.id"),
    "service": _linked("services", site="t.site_id"),
    "site": _linked("sites"),
    "system": _linked("systems"),
    "system_profile": _linked("system_profiles"),
    "group": _linked("groups"),
    "keyset": _linked("keysets"),
    "device": _linked("devices"),
}
