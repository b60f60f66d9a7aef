"""Stages of a request that an operation may take by itself, where its body decides whether it reads or writes.

For every other operation the pipeline takes them, in its own order.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache

from trunkline.kit import replay
from trunkline.kit.errors import Conflict, Forbidden, Invalid, KeyReused, NotFound, Stale, Throttled
from trunkline.kit.http.answer import Answer
from trunkline.kit.http.dialect import Dialect
from trunkline.kit.http.request import Request
from trunkline.kit.throttle import Rule, limit_field, policy_field
from trunkline.kit.work import Transaction

# Refusals that are answers of the use case itself: under a key they are remembered like a success.
FINAL = (Invalid, NotFound, Forbidden, Conflict, Stale)


async def spend(request: Request, rule: Rule, rules: Sequence[Rule], hits: int = 1) -> None:
    """Count the request against a rule of its caller's, as so many hits. Raises `Throttled`."""
    throttle, tenant, key = request.realm.throttle, request.principal.tenant_id, request.principal.credential_id.hex
    allowance = None
    for _ in range(hits):
        allowance = throttle.take_now(tenant, key, rule) or await throttle.take(tenant, key, rule)
        if not allowance.allowed:
            break
    if allowance is None:
        return
    request.response_headers += [("RateLimit", limit_field(allowance)), ("RateLimit-Policy", _policy(tuple(rules)))]
    if not allowance.allowed:
        raise Throttled("too many requests", allowance.retry_after)


@lru_cache(maxsize=64)
def _policy(rules: tuple[Rule, ...]) -> str:
    return policy_field(rules)


async def write(request: Request, dialect: Dialect, run: Callable[[], Awaitable[Answer]]) -> Answer:
    """Run a writing operation: everything it does and the memory of its answer in one transaction."""
    guarded = dialect.guard(request)
    async with Transaction(request.work) as transaction:
        claim = None
        if guarded is not None:
            claimed = await replay.claim(transaction.connection, request.principal.tenant_id, guarded, request.realm.clock)
            if isinstance(claimed, replay.Stored):
                return again(request, claimed)
            claim = claimed
        try:
            answer = await run()
        except FINAL as refusal:
            if guarded is None:
                raise
            answer = dialect.refuse(request, refusal)
            if request.work.dirty:  # undo the effects, keep the answer; another copy may get in between, then its answer counts
                await transaction.restart()
                claimed = await replay.claim(transaction.connection, request.principal.tenant_id, guarded, request.realm.clock)
                if isinstance(claimed, replay.Stored):
                    return again(request, claimed)
                claim = claimed
            request.work.recorded.clear()
        kept = (
            claim.remember(answer.status, [("Content-Type", answer.media_type), *answer.headers], answer.body)
            if claim
            else None
        )
        await transaction.commit(answer.status, kept)
    return answer


def again(request: Request, stored: replay.Stored) -> Answer:
    """The answer that an earlier copy of the request left. Raises `KeyReused`."""
    if not stored.same:
        raise KeyReused("this Idempotency-Key was used with another request")
    request.response_headers.append(("Idempotency-Replayed", "true"))
    media_type = next((value for name, value in stored.headers if name == "Content-Type"), "application/json")
    return Answer(stored.status, stored.body, media_type, [h for h in stored.headers if h[0] != "Content-Type"])
