"""What subscribers leave for later: the rows of large imports and removals."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from trunkline.domains.connectivity.subscribers.importing.service import JOB, run_import
from trunkline.kit.jobs import JobFunction
from trunkline.kit.realm import Realm


async def _run(realm: Realm, tenant_id: UUID, payload: dict[str, Any]) -> None:
    await run_import(realm, tenant_id, UUID(payload["import"]))


JOBS: Mapping[str, JobFunction] = {JOB: _run}
