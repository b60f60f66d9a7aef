"""System profiles: a collection whose rows have lists beside them, the systems that a profile is for and its APNs in order."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import UNSET

from trunkline.domains.connectivity.inventory import rules, store
from trunkline.domains.connectivity.inventory.collection import Collection
from trunkline.domains.connectivity.inventory.drafts import ApnProfileDraft, SystemProfileDraft
from trunkline.domains.connectivity.inventory.model import ApnProfile, DeepSystemProfile, SystemProfile
from trunkline.domains.connectivity.inventory.reading import Asked, linked
from trunkline.kit.errors import Violation
from trunkline.kit.work import Work

SYSTEMS = "systems"
APNS = "apn_profiles"


class SystemProfiles(Collection[SystemProfile, DeepSystemProfile, SystemProfileDraft]):
    """Reads and writes both lists as a whole; taking a system away keeps the others' rows, which subscribers refer to."""

    async def _read(self, work: Work, draft: SystemProfileDraft, before: DeepSystemProfile | None) -> Asked:
        asked = await super()._read(work, draft, before)
        systems, profiles = draft.systems, draft.apn_profiles
        if before is not None and asked.moves:  # may what it holds follow it?
            systems = before.system_references if systems is UNSET else systems
            profiles = _as_drafts(before.apn_profiles) if profiles is UNSET else profiles
        if systems is not UNSET:
            asked.lists[SYSTEMS] = await _read_systems(work, asked, systems or ())
        if profiles is not UNSET:
            asked.lists[APNS] = await _read_apns(work, asked, profiles or ())
        return asked

    async def _keep_what_is_so(self, work: Work, before: DeepSystemProfile, asked: Asked) -> None:
        if SYSTEMS in asked.lists and set(asked.lists[SYSTEMS]) == set(before.system_references):
            del asked.lists[SYSTEMS]
        if APNS in asked.lists and tuple(profile for profile, _ in asked.lists[APNS]) == _as_drafts(before.apn_profiles):
            del asked.lists[APNS]

    async def _write_beside(self, work: Work, id_: UUID, asked: Asked) -> None:
        if SYSTEMS in asked.lists:
            await store.write_systems(work, id_, list(asked.lists[SYSTEMS].values()))
        if APNS in asked.lists:
            rows = [(apn_id, profile.max_download, profile.max_upload) for profile, apn_id in asked.lists[APNS]]
            await store.write_apns(work, id_, rows)


async def _read_systems(work: Work, asked: Asked, references: Sequence[str]) -> dict[str, UUID]:
    """The systems' ids by reference; one that is named twice counts once."""
    asked.broken += rules.list_violations(SYSTEMS, len(references), rules.MOST_SYSTEMS)
    systems = {}
    for index, reference in enumerate(references[: rules.MOST_SYSTEMS]):
        found = await linked(work, asked, f"{SYSTEMS}.{index}", "systems", reference)
        if found is not None:
            systems[found.reference] = found.id
    return systems


async def _read_apns(work: Work, asked: Asked, drafts: Sequence[ApnProfileDraft]) -> list[tuple[ApnProfileDraft, UUID]]:
    """The APNs in order, with their ids; each at most once."""
    asked.broken += rules.list_violations(APNS, len(drafts), rules.MOST_APNS)
    profiles: list[tuple[ApnProfileDraft, UUID]] = []
    seen: set[UUID] = set()
    for index, draft in enumerate(drafts[: rules.MOST_APNS]):
        at = f"{APNS}.{index}"
        found = await linked(work, asked, f"{at}.apn", "apns", draft.apn)
        asked.broken += rules.rate_violations(at, draft)
        if found is None:
            continue
        if found.id in seen:
            asked.broken.append(Violation(f"{at}.apn", "stands in the list already"))
        seen.add(found.id)
        profiles.append((draft, found.id))
    return profiles


def _as_drafts(profiles: Sequence[ApnProfile]) -> tuple[ApnProfileDraft, ...]:
    return tuple(
        ApnProfileDraft(apn=profile.apn_reference, max_download=profile.max_download, max_upload=profile.max_upload)
        for profile in profiles
    )
