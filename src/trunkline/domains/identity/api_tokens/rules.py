"""The rules of API tokens: their names, and what a refresh does. Pure; source: reference/expeto.md §2.3, §2.4, §2.7."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from trunkline.domains.identity.api_tokens.model import ApiToken, RefreshStatus, TokenKind
from trunkline.kit.errors import Violation

TOKEN_LIFE = timedelta(days=365)
RESTS = timedelta(hours=1)  # a token that is younger, or was refreshed less long ago, makes no other
NAME_LENGTH = 100
SCOPES = 100

# The first that holds decides; the last one always does. `replaced`: its child is in use, and it lives only for the rest of its grace.
REFRESH: Sequence[tuple[RefreshStatus, Callable[[ApiToken, bool, datetime], bool]]] = (
    (RefreshStatus.NOT_SUPPORTED, lambda token, replaced, now: token.kind is TokenKind.ACCOUNT),
    (RefreshStatus.LATEST, lambda token, replaced, now: token.is_refresh and token.activated_at is None),
    (RefreshStatus.ALREADY_REFRESHED, lambda token, replaced, now: replaced or _recent(token.refreshed_at, now)),
    (RefreshStatus.ALREADY_ACTIVATED, lambda token, replaced, now: token.is_refresh and _recent(token.created_at, now)),
    (RefreshStatus.TOO_YOUNG, lambda token, replaced, now: _recent(token.created_at, now)),
    (RefreshStatus.CREATED, lambda token, replaced, now: True),
)

MESSAGES: Mapping[RefreshStatus, str] = {
    RefreshStatus.CREATED: "A refresh token was created. Use it in a request to activate it.",
    RefreshStatus.LATEST: "This token is already the newest; use it in a request.",
    RefreshStatus.ALREADY_ACTIVATED: "This token is a refresh token that was created within the past hour and is already activated.",
    RefreshStatus.ALREADY_REFRESHED: "This token was already used to create a refresh token within the past hour.",
    RefreshStatus.NOT_SUPPORTED: "Only site tokens can be refreshed; for the token of an account, contact support.",
    RefreshStatus.TOO_YOUNG: "A token that is less than one hour old cannot be refreshed.",
}


def decide(token: ApiToken, replaced: bool, now: datetime) -> RefreshStatus:
    """What a refresh with this valid token does at `now`."""
    return next(status for status, holds in REFRESH if holds(token, replaced, now))


def _recent(instant: datetime | None, now: datetime) -> bool:
    return instant is not None and now - instant < RESTS


def violations(name: str, scopes: Sequence[str] | None) -> list[Violation]:
    """Every rule that a new token's name and scopes break. Whether a scope is known is the dialect's matter."""
    broken = []
    if not 1 <= len(name.strip()) <= NAME_LENGTH:
        broken.append(Violation("name", f"must have 1 to {NAME_LENGTH} characters"))
    if scopes is not None and (len(scopes) > SCOPES or not all(1 <= len(scope) <= NAME_LENGTH for scope in scopes)):
        broken.append(Violation("scopes", f"must be up to {SCOPES} texts of 1 to {NAME_LENGTH} characters"))
    return broken
