"""What a domain may refuse with. Dialects render these in their own shape; no HTTP status stands below the dialects."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule. `field` is the domain's field name (dots into nested objects); the dialect translates it.

    `message` may hold `{name}` placeholders for `values`; values that are the house's words (`request`) are said in the dialect's.
    """

    field: str
    message: str
    values: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def text(self, words: Mapping[str, str] | None = None) -> str:
        """The message, with `words` translating the house's words."""
        if not self.values:
            return self.message
        return self.message.format(**{name: (words or {}).get(value, value) for name, value in self.values.items()})


class Refusal(Exception):  # noqa: N818 - it is not an error of ours but an answer
    """Base of everything a caller can be told. The default text is for people; dialects may use their own."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message


class Invalid(Refusal):
    """The command is well formed but breaks rules; all of them are listed.

    `readable` is set while decoding: the body with `UNSET` in place of every faulty or missing field, so that rules can still be
    checked on the rest and all faults are told at once.
    """

    def __init__(self, violations: Sequence[Violation], readable: Any = None) -> None:
        super().__init__("; ".join(f"{v.field}: {v.text()}" for v in violations))
        self.violations = tuple(violations)
        self.readable = readable


class Malformed(Refusal):
    """The request cannot be read: bad JSON, bad query parameters. `violations` name the parameters, or `$` for the body."""

    def __init__(self, violations: Iterable[Violation]) -> None:
        self.violations = tuple(violations)
        super().__init__("; ".join(f"{v.field}: {v.message}" for v in self.violations))


class NotFound(Refusal):
    """There is no such thing, or the caller may not know of it."""


class Unauthenticated(Refusal):
    """No credential, or one that is not valid. `code` is RFC 6750's error code, empty when nothing was presented."""

    def __init__(self, message: str = "", code: str = "") -> None:
        super().__init__(message)
        self.code = code


class Forbidden(Refusal):
    """The caller may know of it but not do it. `needs` names what is missing."""

    def __init__(self, message: str = "", needs: str = "") -> None:
        super().__init__(message)
        self.needs = needs


class Conflict(Refusal):
    """The state of things does not allow it now."""


class Stale(Refusal):
    """The caller's version of the object is not the current one (If-Match)."""


class KeyReused(Refusal):
    """An Idempotency-Key came again with another request."""


class InProgress(Refusal):
    """The first copy of this request is still running; try again in `retry_after` seconds."""

    def __init__(self, message: str = "", retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Throttled(Refusal):
    """Too many requests; try again in `retry_after` whole seconds."""

    def __init__(self, message: str = "", retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(Refusal):
    """The database (or another part) is away; the same request may succeed later."""

    def __init__(self, message: str = "", retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after
