"""The use cases of every collection of the inventory: list, find, create, change, remove."""

from collections.abc import Sequence
from typing import Generic
from uuid import UUID

from trunkline.domains.connectivity.inventory import store
from trunkline.domains.connectivity.inventory.fields import LISTED
from trunkline.domains.connectivity.inventory.parts import D, Description, M, X
from trunkline.domains.connectivity.inventory.reading import Asked, read_draft
from trunkline.kit import query
from trunkline.kit.errors import Conflict, Invalid, NotFound, Stale, Violation
from trunkline.kit.events import changed, created, removed
from trunkline.kit.ids import new_id
from trunkline.kit.query import Listing, Page, Predicate, SortKey, Window
from trunkline.kit.rules import together
from trunkline.kit.work import Work


class Collection(Generic[M, D, X]):
    """One collection. `model` is its lean object, `deep` the one that names what it is linked to, `draft` what is asked of it."""

    def __init__(self, described: Description[M, D, X]) -> None:
        self.described = described
        self.name = described.name
        self.thing = described.thing
        self.model = described.model
        self.deep = described.deep
        self.draft = described.draft
        self.listing: Listing[M]
        self.deep_listing: Listing[D]
        self.listing, self.deep_listing = LISTED[described.name]

    async def page(
        self,
        work: Work,
        predicate: Predicate,
        sort: Sequence[SortKey],
        window: Window,
        total_cap: int | None = None,
        *,
        deep: bool = False,
    ) -> Page[M] | Page[D]:
        """A page of the objects that the caller reaches."""
        work.require(f"{self.name}.read")
        if deep:
            return await query.page(work, self.deep_listing, predicate, sort, window, total_cap)
        return await query.page(work, self.listing, predicate, sort, window, total_cap)

    async def find(self, work: Work, reference: str) -> D:
        """The object with this reference. Raises `NotFound`."""
        work.require(f"{self.name}.read")
        return await query.find(work, self.deep_listing, reference)

    async def create(self, work: Work, draft: X, found: Sequence[Violation] = ()) -> D:
        """Create an object: the caller's account's, unless the draft names another.

        Raises `Invalid` with every broken rule and what the dialect `found`, `Conflict` for what exists already.
        """
        work.require(f"{self.name}.create")
        asked = await self._read(work, draft, None)
        if broken := together(found, asked.broken):
            raise Invalid(broken)
        id_ = new_id()
        reference = await store.insert(work, self.described, id_, asked.reference, asked.columns)
        await self._write_beside(work, id_, asked)
        after = await query.find(work, self.deep_listing, reference)
        work.record(created(f"{self.thing}.created", self.name, after))
        return after

    async def change(
        self, work: Work, reference: str, draft: X, expected_version: int | None = None, found: Sequence[Violation] = ()
    ) -> D:
        """Change what the draft names; nothing is written when nothing differs.

        Raises `NotFound`, `Stale` (no longer `expected_version`), `Invalid` with every broken rule and what the dialect `found`,
        `Conflict`.
        """
        work.require(f"{self.name}.change")
        before = await self._lock(work, reference, expected_version)
        asked = await self._read(work, draft, before)
        if broken := together(found, asked.broken):
            raise Invalid(broken)
        await self._keep_what_is_so(work, before, asked)
        now = {column: getattr(before, column) for column in self.described.columns}
        columns = now | asked.columns
        if columns == now and not asked.secrets and not asked.lists:
            return before
        await self._refuse_to_leave_users_behind(work, before, columns["customer_id"])
        instant = max(work.now, before.modified_at)
        await store.update(work, self.described, before.id, before.version + 1, instant, columns)
        await self._write_beside(work, before.id, asked)
        after = await query.find(work, self.deep_listing, before.reference)
        if after.customer_id == before.customer_id:
            work.record(changed(f"{self.thing}.changed", self.name, before, after))
        else:  # each customer learns of its own side alone, and both lists change in size
            left, came = f"{self.thing}.released", f"{self.thing}.assigned"
            work.record(removed(left, self.name, before), created(came, self.name, after))
        return after

    async def remove(self, work: Work, reference: str, expected_version: int | None = None) -> None:
        """Remove an object. Raises `NotFound`, `Stale`, and `Conflict` while something refers to it."""
        work.require(f"{self.name}.remove")
        before = await self._lock(work, reference, expected_version)
        await store.delete(work, self.described, before.id)
        work.record(removed(f"{self.thing}.removed", self.name, before))

    async def _lock(self, work: Work, reference: str, expected_version: int | None) -> D:
        """The object as it is now, locked until the transaction ends. Raises `NotFound`, `Stale`."""
        found = await query.find(work, self.deep_listing, reference)
        version = await store.lock(work, self.described, found.id)
        if version is None:
            raise NotFound(f"{reference!r} was not found")
        if version != found.version:  # somebody changed it in between
            found = await query.find(work, self.deep_listing, reference)
        if expected_version is not None and found.version != expected_version:
            raise Stale(f"the {self.described.words} is at version {found.version}")
        return found

    async def _refuse_to_leave_users_behind(self, work: Work, before: D, customer_id: UUID | None) -> None:
        """Raise `Conflict` when the object goes to another customer while its own customer's objects refer to it."""
        if before.customer_id in (None, customer_id):
            return
        if (users := await store.user_of(work, self.described, before.id)) is not None:
            raise Conflict(f"the {self.described.words} cannot go to another customer: {users} refer to it")

    async def _read(self, work: Work, draft: X, before: D | None) -> Asked:
        """What the draft asks for. A collection with lists beside its rows reads them too."""
        return await read_draft(work, self.described, draft, before)

    async def _keep_what_is_so(self, work: Work, before: D, asked: Asked) -> None:
        """Leave out of `asked` the secrets and lists that are already as asked."""
        for secret in self.described.secrets:
            if secret.name in asked.secrets:
                purpose = self.described.purpose(secret)
                sealed = await store.read_secret(work, purpose, before.id)
                plain = None if sealed is None else work.keyring.unseal(purpose, before.id, sealed)
                if plain == asked.secrets[secret.name]:
                    del asked.secrets[secret.name]

    async def _write_beside(self, work: Work, id_: UUID, asked: Asked) -> None:
        """Write what does not stand among the plain columns."""
        for secret in self.described.secrets:
            if secret.name in asked.secrets:
                purpose, plain = self.described.purpose(secret), asked.secrets[secret.name]
                sealed = None if plain is None else work.keyring.seal(purpose, id_, plain)
                await store.write_secret(work, purpose, id_, sealed)


async def reseal_batch(work: Work, limit: int) -> int:
    """Seal up to `limit` secrets anew that an older key than the newest sealed; how many. 0 when none is left (kit.keyring)."""
    done = 0
    for purpose in store.SEALED_BEFORE:
        for id_, sealed in await store.sealed_before(work, purpose, limit - done):
            await store.write_secret(work, purpose, id_, work.keyring.reseal(purpose, id_, sealed))
            done += 1
        if done >= limit:
            break
    return done
