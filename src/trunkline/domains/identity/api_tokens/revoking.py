"""How API tokens end: removed, replaced, or with their user."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from trunkline.domains.identity.api_tokens import store
from trunkline.domains.identity.api_tokens.model import ApiToken
from trunkline.domains.identity.revocation import say_revoked
from trunkline.kit.events import removed
from trunkline.kit.work import Work

NOW = timedelta(0)


async def revoke_tokens(work: Work, tokens: Sequence[ApiToken], grace: timedelta = NOW) -> None:
    """End locked tokens: at once, or after a period of `grace` in which they are no longer listed but still work."""
    if not tokens:
        return
    if grace > NOW:
        for token in tokens:
            await work.write(store.MARK_REVOKED, token.id, work.now + grace, work.now)
    else:
        await store.delete_tokens(work, tokens)
    await say_revoked(work, tokens[0].id)
    work.record(*(removed("api_token.revoked", token.collection, token) for token in tokens))


async def revoke_tokens_of_user(work: Work, user_id: UUID) -> None:
    """End all tokens that stand for a user."""
    await revoke_tokens(work, await store.lock_tokens(work, store.LOCK_TOKENS_OF_USER, user_id))
