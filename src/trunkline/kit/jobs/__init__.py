"""What runs later, in a worker process (docs/decisions/0011-jobs.md).

A use case asks for a job in its own transaction, so that the job exists exactly when the change does:

    await jobs.enqueue(work, "connectivity.import", {"import": str(import_id)})

A domain's `jobs.py` says what it does; `trunkline/jobs.py` collects them:

    async def run_import(realm: Realm, tenant_id: UUID, payload: dict[str, Any]) -> None: ...

    JOBS = {"connectivity.import": run_import}

A job is only a trigger: what is to be done, how far it came and how it ended stand in the domain's own tables. It may run twice (its
worker died, or lost the database), also at the same time, so it locks what it works on and can go on where it stopped. When it raises
it is tried again after growing pauses, in the end it is kept as failed. Nothing secret belongs into a payload.
"""

from trunkline.kit.jobs.queue import Again, JobFunction, enqueue, enqueue_all

__all__ = ["Again", "JobFunction", "enqueue", "enqueue_all"]
