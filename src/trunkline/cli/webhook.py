"""`trunkline webhook`: endpoints that hear of events, and what is sent to them."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from trunkline.cli.connect import AccountOption, EnvironmentOption, TenantOption, committed, in_realm, in_work, work_in
from trunkline.cli.show import JsonOption, say, show
from trunkline.domains.customers.service import find_reach
from trunkline.domains.webhooks import service as webhooks
from trunkline.domains.webhooks.service import (
    Delivery,
    DeliveryStatus,
    EndpointDraft,
    Secrets,
    WebhookEndpoint,
)
from trunkline.kit.clock import monotonic
from trunkline.kit.instants import parse_instant
from trunkline.kit.principal import Environment
from trunkline.kit.query import And, Compare, Cursor, Operator, Page, Window
from trunkline.kit.realm import Realm
from trunkline.kit.startup import ExitCode, StartupError
from trunkline.kit.work import Work
from trunkline.settings import load
from trunkline.webhooks import policy_of, presenter_of

app = typer.Typer(no_args_is_help=True, help="Webhooks.")

EndpointArgument = Annotated[str, typer.Argument(help="the endpoint's reference (WHE-…)")]
SecretOption = Annotated[
    bool, typer.Option("--secret-stdin", help="read a secret of one's own (whsec_…) from standard input; else one is made")
]
MOST = 1000
PAGE = 200
WAIT_SECONDS = 20.0
POLL_SECONDS = 0.25


@app.callback()
def webhook() -> None:
    """Webhooks."""


@app.command("create")
def create_endpoint(
    url: Annotated[str, typer.Argument(help="where deliveries are sent")],
    event_type: Annotated[list[str], typer.Option(help="case.opened, case.*, *; may be given several times")],
    description: Annotated[str, typer.Option(help="what it is for")] = "",
    secret_stdin: SecretOption = False,
    account: AccountOption = "",
    tenant: TenantOption = 1,
    environment: EnvironmentOption = Environment.PRODUCTION,
    as_json: JsonOption = False,
) -> None:
    """Make a webhook endpoint; its secret is shown only now."""
    settings = load()
    draft = EndpointDraft(url=url, event_types=event_type, description=description, secret=_own_secret(secret_stdin))

    async def create(work: Work) -> dict[str, Any]:
        await _reach(work, account)
        endpoint, secrets = await webhooks.create_endpoint(
            work, draft, policy_of(settings), presenter_of(settings)(environment)
        )
        return _with_secret(endpoint, secrets, shown=not secret_stdin)

    show(as_json, in_work(environment, tenant, "createWebhook", create))


@app.command("list")
def list_endpoints(
    account: AccountOption = "",
    tenant: TenantOption = 1,
    environment: EnvironmentOption = Environment.PRODUCTION,
    as_json: JsonOption = False,
) -> None:
    """Show the webhook endpoints, of an account and those below it or of all; at most a thousand."""

    async def read(realm: Realm) -> list[dict[str, Any]]:
        work = await work_in(realm, tenant, "listWebhooks")
        await _reach(work, account)
        found = await _all(lambda window: webhooks.list_endpoints(work, And(()), (), window))
        return [_endpoint(endpoint) for endpoint in found]

    endpoints = in_realm(environment, read)
    if as_json:
        show(True, {"webhook_endpoints": endpoints})
        return
    for endpoint in endpoints:
        print(f"{endpoint['endpoint_id']:<12}{endpoint['status']:<10}{' '.join(endpoint['event_types']):<32}{endpoint['url']}")


@app.command("show")
def show_endpoint(
    endpoint: EndpointArgument,
    tenant: TenantOption = 1,
    environment: EnvironmentOption = Environment.PRODUCTION,
    as_json: JsonOption = False,
) -> None:
    """Show a webhook endpoint."""
    show(as_json, _done(environment, tenant, "showWebhook", lambda work: webhooks.find_endpoint(work, endpoint)))


@app.command("pause")
def pause_endpoint(
    endpoint: EndpointArgument,
    tenant: TenantOption = 1,
    environment: EnvironmentOption = Environment.PRODUCTION,
    as_json: JsonOption = False,
) -> None:
    """Let an endpoint's deliveries wait."""
    show(as_json, _done(environment, tenant, "pauseWebhook", lambda work: webhooks.pause_endpoint(work, endpoint)))


@app.command("resume")
def resume_endpoint(
    endpoint: EndpointArgument,
    tenant: TenantOption = 1,
    environment: EnvironmentOption = Environment.PRODUCTION,
    as_json: JsonOption = False,
) -> None:
    """Go on with an endpoint that is paused or disabled."""
    show(as_json, _done(environment, tenant, "resumeWebhook", lambda work: webhooks.resume_endpoint(work, endpoint)))


@app.command("rotate")
def rotate_secret(
    endpoint: EndpointArgument,
    overlap_hours: Annotated[int, typer.Option(help="hours for which the secret so far signs too", min=0, max=168)] = 24,
    secret_stdin: SecretOption = False,
    tenant: TenantOption = 1,
    environment: EnvironmentOption = Environment.PRODUCTION,
    as_json: JsonOption = False,
) -> None:
    """Give an endpoint a new secret, which is shown only now."""
    secret = _own_secret(secret_stdin)

    async def rotate(work: Work) -> dict[str, Any]:
        rotated, secrets = await webhooks.rotate_secret(work, endpoint, timedelta(hours=overlap_hours), secret)
        return _with_secret(rotated, secrets, shown=not secret_stdin)

    show(as_json, in_work(environment, tenant, "rotateWebhook", rotate))


@app.command("delete")
def delete_endpoint(
    endpoint: EndpointArgument, tenant: TenantOption = 1, environment: EnvironmentOption = Environment.PRODUCTION
) -> None:
    """Delete an endpoint; nothing more is sent to it."""
    in_work(environment, tenant, "deleteWebhook", lambda work: webhooks.remove_endpoint(work, endpoint))
    say(f"{endpoint} is deleted")


@app.command("test")
def send_test(
    endpoint: EndpointArgument,
    tenant: TenantOption = 1,
    environment: EnvironmentOption = Environment.PRODUCTION,
    as_json: JsonOption = False,
) -> None:
    """Send a test to an endpoint and wait for its outcome."""

    async def test(realm: Realm) -> Delivery:
        delivery = await committed(realm, tenant, "testWebhook", lambda work: webhooks.test_endpoint(work, endpoint))
        until = monotonic() + WAIT_SECONDS
        while delivery.status == DeliveryStatus.PENDING and monotonic() < until:
            await asyncio.sleep(POLL_SECONDS)
            work = await work_in(realm, tenant, "testWebhook")
            delivery = await webhooks.find_delivery(work, endpoint, delivery.reference)
        return delivery

    outcome = in_realm(environment, test)
    show(as_json, _delivery(outcome))
    if outcome.status == DeliveryStatus.PENDING:
        raise StartupError(f"nothing has been sent within {WAIT_SECONDS:.0f} seconds: does the server's worker run?")
    if outcome.status == DeliveryStatus.FAILED:
        raise StartupError(f"the test was not delivered: {outcome.failure}")


@app.command("deliveries")
def list_deliveries(
    endpoint: EndpointArgument,
    status: Annotated[DeliveryStatus | None, typer.Option(help="only these")] = None,
    limit: Annotated[int, typer.Option(help="the most that are shown", min=1, max=MOST)] = 50,
    tenant: TenantOption = 1,
    environment: EnvironmentOption = Environment.PRODUCTION,
    as_json: JsonOption = False,
) -> None:
    """Show an endpoint's deliveries, newest first."""
    wanted = And((Compare("status", Operator.EQUAL, status.value),) if status else ())

    async def read(realm: Realm) -> list[dict[str, Any]]:
        work = await work_in(realm, tenant, "listDeliveries")
        found = await _all(
            lambda window: webhooks.list_deliveries(work, endpoint, wanted, webhooks.NEWEST_FIRST, window), limit
        )
        return [_delivery(delivery) for delivery in found]

    deliveries = in_realm(environment, read)
    if as_json:
        show(True, {"deliveries": deliveries})
        return
    for one in deliveries:
        outcome = one["failure"] or one["response_status"] or ""
        print(
            f"{one['created']}  {one['delivery_id']}  {one['status']:<10}{one['event_type']:<26}{one['subject_id']:<16}"
            f"tries {one['tries']:<3} {outcome}".rstrip()
        )


@app.command("replay")
def replay(
    endpoint: EndpointArgument,
    delivery: Annotated[str, typer.Option(help="one delivery (msg_…)")] = "",
    since: Annotated[str, typer.Option("--from", help="everything from this instant on")] = "",
    until: Annotated[str, typer.Option("--to", help="with --from: up to this instant")] = "",
    failed_since: Annotated[str, typer.Option(help="what has failed since this instant")] = "",
    tenant: TenantOption = 1,
    environment: EnvironmentOption = Environment.PRODUCTION,
    as_json: JsonOption = False,
) -> None:
    """Send deliveries again, also of a paused or disabled endpoint: one, those of a time, or those that failed."""
    if sum(map(bool, (delivery, since, failed_since))) != 1 or (until and not since):
        raise StartupError("name one of --delivery, --from (perhaps with --to) and --failed-since", ExitCode.USAGE)
    begin, end = _instant("--from" if since else "--failed-since", since or failed_since), _instant("--to", until)

    async def again(work: Work) -> int:
        if delivery:
            await webhooks.replay_delivery(work, endpoint, delivery)
            return 1
        assert begin is not None, "one of them was given"
        return await webhooks.replay_range(work, endpoint, begin, end, only_failed=not since)

    show(as_json, {"replayed": in_work(environment, tenant, "replayWebhook", again)})


def _done(
    environment: Environment, tenant: int, operation: str, use: Callable[[Work], Awaitable[WebhookEndpoint]]
) -> dict[str, Any]:
    """What a use case makes of an endpoint, to be shown."""

    async def run(work: Work) -> dict[str, Any]:
        return _endpoint(await use(work))

    return in_work(environment, tenant, operation, run)


async def _reach(work: Work, account: str) -> None:
    """Keep a unit of work to an account, if one is named."""
    if account:
        work.principal = replace(work.principal, reach=await find_reach(work, account))


async def _all(read: Callable[[Window], Awaitable[Page[Any]]], most: int = MOST) -> list[Any]:
    """The rows of a list, page by page, up to `most`."""
    found: list[Any] = []
    cursor: Cursor | None = None
    while len(found) < most:
        page = await read(Window(len(found), min(PAGE, most - len(found)), cursor))
        found += page.items
        if not page.has_more:
            break
        cursor = page.after
    return found


def _own_secret(given: bool) -> str | None:
    if not given:
        return None
    if secret := sys.stdin.readline().strip():
        return secret
    raise StartupError("no secret on standard input", ExitCode.USAGE)


def _instant(option: str, text: str) -> datetime | None:
    if not text:
        return None
    try:
        return parse_instant(text)
    except ValueError:
        raise StartupError(f"{option}: {text!r} is not an ISO 8601 date-time", ExitCode.USAGE) from None


def _endpoint(endpoint: WebhookEndpoint) -> dict[str, Any]:
    return {
        "endpoint_id": endpoint.reference,
        "url": endpoint.url,
        "description": endpoint.description,
        "event_types": list(endpoint.event_types),
        "status": endpoint.status if endpoint.disabled_reason is None else f"{endpoint.status} ({endpoint.disabled_reason})",
        "public_key": endpoint.public_key,
        "failing_since": _shown(endpoint.failing_since),
        "created": _shown(endpoint.created_at),
    }


def _with_secret(endpoint: WebhookEndpoint, secrets: Secrets, *, shown: bool) -> dict[str, Any]:
    return {**_endpoint(endpoint), **({"secret": secrets.secret} if shown else {})}


def _delivery(delivery: Delivery) -> dict[str, Any]:
    return {
        "delivery_id": delivery.reference,
        "event_type": delivery.event_type,
        "subject_id": delivery.subject_reference,
        "status": delivery.status,
        "tries": delivery.tries,
        "response_status": delivery.response_status,
        "failure": delivery.failure,
        "next_try": _shown(delivery.next_at),
        "created": _shown(delivery.created_at),
    }


def _shown(instant: datetime | None) -> str | None:
    return None if instant is None else instant.strftime("%Y-%m-%dT%H:%M:%SZ")
