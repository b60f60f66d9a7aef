"""What becomes of up to a thousand rows: decided one after another, written together.

A row sees what the rows before it did: the same IMSI twice is created and then updated, as if each row were a request of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import msgspec

from trunkline.domains.connectivity.subscribers import store
from trunkline.domains.connectivity.subscribers.editing import Surroundings, announcements, edited, needs_accounts, surroundings
from trunkline.domains.connectivity.subscribers.fields import SUBSCRIBERS
from trunkline.domains.connectivity.subscribers.model import (
    ImportRow,
    RowOutcome,
    RowResult,
    Subscriber,
    SubscriberDraft,
    SubscriberName,
)
from trunkline.domains.connectivity.subscribers.rules import SHOWN
from trunkline.domains.connectivity.subscribers.store import Stored
from trunkline.kit import query
from trunkline.kit.errors import Violation
from trunkline.kit.events import removed
from trunkline.kit.query import In, Window
from trunkline.kit.work import Work

CHUNK = 1000  # rows of one transaction
LONGEST_NAME = 100  # of an IMSI, an ICCID or a reference that is worth looking up
TAKEN = Violation("imsi", "was taken by another subscriber meanwhile")


@dataclass(slots=True)
class _Fate:
    """One subscriber while the rows that concern it are decided: what it was, what it is after each row, and which rows they are."""

    before: Stored | None
    steps: list[Stored] = field(default_factory=list)  # what it became, where that differs
    rows: list[int] = field(default_factory=list)  # indices of the rows that went well

    @property
    def now(self) -> Stored | None:
        return self.steps[-1] if self.steps else self.before


@dataclass(slots=True)
class _Names:
    """Who has which IMSI or ICCID: a subscriber that the caller reaches, somebody else, or nobody since a row before."""

    held: dict[str, _Fate]
    foreign: set[str]
    left: dict[str, _Fate] = field(default_factory=dict)  # by whom

    def fault(self, name: str, value: str | None, fate: _Fate | None) -> list[Violation]:
        """Why a row for `fate` cannot have this name."""
        if value is None:
            return []
        if value in self.foreign or self.held.get(value, fate) is not fate:
            return [Violation(name, "is another subscriber's")]
        if self.left.get(value, fate) is not fate and fate is not None and fate.before is not None:
            return [Violation(name, "was another subscriber's until a row before; import this row once more")]
        return []

    def move(self, old: str | None, new: str | None, fate: _Fate) -> None:
        if old is not None and old != new:
            del self.held[old]
            self.left[old] = fate
        if new is not None:
            self.held[new] = fate


def _name(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= LONGEST_NAME and "\0" not in value else None


async def import_rows(work: Work, rows: Sequence[ImportRow], first: int, *, dry_run: bool) -> list[RowResult]:
    """Create or update a subscriber by each row (at most `CHUNK`), found by its IMSI, else by its ICCID. `first` is the first row's number.

    Raises `Conflict` when others write the same subscribers at the same time; nothing is stored then.
    """
    results = await _imported(work, rows, first, dry_run=dry_run)
    late = [index for index, result in enumerate(results) if TAKEN in result.faults]
    if late:  # others created these a moment before, and have committed: now they are found
        again = await _imported(work, [rows[index] for index in late], first, dry_run=dry_run)
        for index, result in zip(late, again, strict=True):
            results[index] = msgspec.structs.replace(result, row=first + index)
    return results


async def _imported(work: Work, rows: Sequence[ImportRow], first: int, *, dry_run: bool) -> list[RowResult]:
    drafts = [row.draft for row in rows]
    imsis = {name for draft in drafts if (name := _name(draft.imsi))}
    iccids = {name for draft in drafts if (name := _name(draft.iccid))}
    known = await store.find_named(work, imsis, iccids)
    if known and any(map(needs_accounts, drafts)):
        await store.hold_accounts(work, await store.accounts_of(work, known))
    reached, others = await store.lock_known(work, known)
    around = await surroundings(work, drafts, [one.subscriber for one in reached])
    fates = [_Fate(one) for one in reached]
    by_imsi = _Names({f.before.subscriber.imsi: f for f in fates if f.before}, {o.subscriber.imsi for o in others})
    by_iccid = _Names(
        {f.before.subscriber.iccid: f for f in fates if f.before and f.before.subscriber.iccid},
        {o.subscriber.iccid for o in others if o.subscriber.iccid},
    )
    results: list[RowResult] = []
    for index, row in enumerate(rows):
        results.append(_decide(work, around, by_imsi, by_iccid, fates, row, index, first))
    if not dry_run:
        await _write(work, fates, results)
    return results


def _decide(
    work: Work,
    around: Surroundings,
    by_imsi: _Names,
    by_iccid: _Names,
    fates: list[_Fate],
    row: ImportRow,
    index: int,
    first: int,
) -> RowResult:
    """What becomes of one row; its step is added to its subscriber's fate."""
    imsi, iccid = _name(row.draft.imsi), _name(row.draft.iccid)
    fate = by_imsi.held.get(imsi or "") or by_iccid.held.get(iccid or "")
    before = fate.now if fate else None
    faults = [*by_imsi.fault("imsi", imsi, fate), *by_iccid.fault("iccid", iccid, fate)]
    after, broken = edited(work, around, before, _draft(row, before), [*row.found, *faults])
    told = row.draft.imsi if isinstance(row.draft.imsi, str) else before.subscriber.imsi if before else None
    shown = told and told[:SHOWN]
    reference = before.subscriber.reference or None if before else None
    if broken:
        return RowResult(first + index, RowOutcome.FAILED, shown, reference, tuple(broken))
    if fate is None:
        fate = _Fate(None)
        fates.append(fate)
    old, new = before.subscriber if before else None, after.subscriber
    by_imsi.move(old.imsi if old else None, new.imsi, fate)
    by_iccid.move(old.iccid if old else None, new.iccid, fate)
    fate.rows.append(index)
    if after is not before:
        fate.steps.append(after)
    return RowResult(first + index, RowOutcome.UPDATED if before else RowOutcome.CREATED, shown, reference)


def _draft(row: ImportRow, before: Stored | None) -> SubscriberDraft:
    """What the row asks of `before`: its extensions together with those that stay."""
    if row.extensions is None:
        return row.draft
    merged: dict[str, str | None] = {**(before.subscriber.extensions if before else {}), **row.extensions}
    kept = {key: text for key, text in merged.items() if text is not None}
    return msgspec.structs.replace(row.draft, extensions=kept)


async def _write(work: Work, fates: Sequence[_Fate], results: list[RowResult]) -> None:
    """Store what was decided, announce every step, give the new ones' references to their rows."""
    touched = [fate for fate in fates if fate.steps]
    changed = [fate.steps[-1] for fate in touched if fate.before is not None]
    new = [fate.steps[-1] for fate in touched if fate.before is None]
    if changed:
        await store.update(work, changed)
    references = await store.insert(work, new) if new else {}
    for fate in touched:
        before = fate.before
        reference = before.subscriber.reference if before else references.get(fate.steps[0].subscriber.id)
        if reference is None:
            for index in fate.rows:
                results[index] = msgspec.structs.replace(results[index], result=RowOutcome.FAILED, faults=(TAKEN,))
            continue
        for index in fate.rows:
            results[index] = msgspec.structs.replace(results[index], reference=reference)
        for step in fate.steps:
            after = Stored(msgspec.structs.replace(step.subscriber, reference=reference), step.k, step.opc)
            work.record(*announcements(before, after))
            before = after


async def remove_rows(work: Work, names: Sequence[SubscriberName], first: int, *, dry_run: bool) -> list[RowResult]:
    """Delete the subscriber that each name (at most `CHUNK`) stands for."""
    known: dict[tuple[str, str], Subscriber] = {}
    for field_ in {name.field for name in names}:
        values = tuple(sorted({value for name in names if name.field == field_ and (value := _name(name.value))}))
        if values:
            page = await query.page(work, SUBSCRIBERS, In(field_, values), (), Window(0, CHUNK))
            for stored in await store.lock(work, [one.id for one in page.items]):
                known[field_, getattr(stored.subscriber, field_)] = stored.subscriber
    results: list[RowResult] = []
    gone: dict[UUID, Subscriber] = {}
    for row, name in enumerate(names, first):
        one = known.get((name.field, name.value.strip()))
        if one is None or one.id in gone:
            shown = name.value[:SHOWN] or "''"
            fault = Violation(name.field, "{name} was not found", {"name": shown})
            imsi = shown if name.field == "imsi" else None
            results.append(RowResult(row, RowOutcome.FAILED, imsi, None, (fault,)))
        else:
            gone[one.id] = one
            results.append(RowResult(row, RowOutcome.DELETED, one.imsi, one.reference))
    if gone and not dry_run:
        await store.remove(work, list(gone), work.now)
        work.record(*(removed("subscriber.removed", "subscribers", one) for one in gone.values()))
    return results
