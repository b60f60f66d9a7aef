"""`trunkline jobs`: what runs later, and what failed."""

from typing import Annotated, Any

import typer

from trunkline.cli.connect import EnvironmentOption, in_realm
from trunkline.cli.show import JsonOption, show
from trunkline.kit.jobs import queue
from trunkline.kit.principal import Environment
from trunkline.kit.realm import Realm
from trunkline.kit.startup import ExitCode, StartupError

app = typer.Typer(no_args_is_help=True, help="Jobs.")

FailedArgument = Annotated[int, typer.Argument(help="the failed job's number; 0 for all")]
MOST = 1000


@app.callback()
def jobs() -> None:
    """Jobs."""


@app.command("list")
def list_jobs(environment: EnvironmentOption = Environment.PRODUCTION, as_json: JsonOption = False) -> None:
    """Show the jobs that failed for good, then those that run or wait; at most a thousand."""

    async def read(realm: Realm) -> dict[str, Any]:
        return {"jobs": [_shown(job) for job in await queue.listed(realm.pool, MOST)]}

    found = in_realm(environment, read)
    if as_json:
        show(True, found)
        return
    for job in found["jobs"]:
        print(f"{job['id']:<8}{job['state']:<9}{job['name']:<28}tries {job['tries']:<4}{job['failure'] or ''}".rstrip())


@app.command("retry")
def retry(job: FailedArgument, environment: EnvironmentOption = Environment.PRODUCTION, as_json: JsonOption = False) -> None:
    """Let a failed job run once more, with as many tries as a new one."""

    async def again(realm: Realm) -> dict[str, Any]:
        return {"retried": await queue.retry_failed(realm.pool, job or None)}

    show(as_json, _any(job, in_realm(environment, again)))


@app.command("drop")
def drop(job: FailedArgument, environment: EnvironmentOption = Environment.PRODUCTION, as_json: JsonOption = False) -> None:
    """Give a failed job up."""

    async def give_up(realm: Realm) -> dict[str, Any]:
        return {"dropped": await queue.drop_failed(realm.pool, job or None)}

    show(as_json, _any(job, in_realm(environment, give_up)))


def _any(job: int, done: dict[str, Any]) -> dict[str, Any]:
    if job and not any(done.values()):
        raise StartupError(f"there is no failed job {job}", ExitCode.USAGE)
    return done


def _shown(job: queue.Listed) -> dict[str, Any]:
    return {
        "id": job.id,
        "name": job.name,
        "state": job.state,
        "tries": job.tries,
        "created_at": job.created_at.isoformat(),
        "next_at": job.next_at.isoformat(),
        "tenant_id": str(job.tenant) if job.tenant else None,
        "payload": job.payload,
        "failure": job.failure,
    }
