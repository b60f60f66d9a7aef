"""What a webhook endpoint may be: its address, event types, secret and description."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from msgspec import UNSET

from trunkline.domains.events.model import EVERYTHING, known_pattern
from trunkline.domains.webhooks.model import EndpointChanges, EndpointDraft, Presenter
from trunkline.domains.webhooks.signing import read_secret
from trunkline.kit.errors import Violation
from trunkline.kit.outbound.addresses import Allowed, literal_address, well_bracketed
from trunkline.kit.rules import text

MOST_ENDPOINTS = 50  # of one account
MOST_EVENT_TYPES = 50  # of one endpoint
MOST_URL = 2048
MOST_DESCRIPTION = 500

OVERLAP = timedelta(hours=24)  # for which the previous keys sign too, unless said otherwise
MOST_OVERLAP = timedelta(days=7)

LOOPBACK = ("127.0.0.1", "::1")  # where localhost and every name below it are (RFC 6761, section 6.3)
URL_CHARACTERS = re.compile(r"[!#-;=?-\[\]_a-z~]*")  # those of RFC 3986; no spaces, quotes, <>, \, ^, `, {|}
LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
MOST_HOST = 253

description = text(MOST_DESCRIPTION)


@dataclass(frozen=True, slots=True)
class UrlPolicy:
    """Which addresses endpoints may have. `allowed` judges addresses that are spelled out; of a name it is asked at every delivery."""

    https_only: bool
    allowed: Allowed


def draft_violations(
    draft: EndpointDraft, permissions: frozenset[str], policy: UrlPolicy, presenter: Presenter
) -> list[Violation]:
    """Every rule that a new endpoint of a caller with these permissions breaks. What is `None` could not be read and breaks none."""
    broken: list[Violation] = []
    if draft.url is not None:
        broken += url_violations(draft.url, policy)
    if draft.event_types is not None:
        broken += type_violations(draft.event_types, permissions, presenter)
    if draft.description is not None:
        broken += description("description", draft.description)
    if draft.secret is not None:
        broken += secret_violations(draft.secret)
    return broken


def change_violations(
    changes: EndpointChanges, permissions: frozenset[str], policy: UrlPolicy, presenter: Presenter, heard: Sequence[str] = ()
) -> list[Violation]:
    """Every rule that a change breaks. `heard`: the event types that the endpoint has now."""
    broken: list[Violation] = []
    if changes.url is not UNSET:
        broken += url_violations(changes.url, policy)
        if changes.event_types is UNSET:  # what goes to the new address is what its chooser may read
            for violation in type_violations(heard, permissions, presenter):
                if "permission" in violation.values:
                    broken.append(Violation("url", "cannot be changed: " + violation.message, violation.values))
    if changes.event_types is not UNSET:
        broken += type_violations(changes.event_types, permissions, presenter)
    if changes.description is not UNSET:
        broken += description("description", changes.description)
    return broken


def secret_violations(secret: str) -> list[Violation]:
    """What is wrong with a secret of the caller's own. It is never repeated."""
    try:
        read_secret(secret)
    except ValueError as error:
        return [Violation("secret", str(error))]
    return []


def overlap_violations(overlap: timedelta) -> list[Violation]:
    """What is wrong with the time for which the previous keys are to sign."""
    if timedelta(0) <= overlap <= MOST_OVERLAP:
        return []
    return [Violation("overlap", f"must be between 0 seconds and {MOST_OVERLAP.days} days")]


# event types -----------------------------------------------------------------------------------------------------------


def type_violations(patterns: Sequence[str], permissions: frozenset[str], presenter: Presenter) -> list[Violation]:
    """What is wrong with event types (`case.opened`, `case.*`, `*`): unknown ones, and those that these permissions may not read."""
    if not 1 <= len(patterns) <= MOST_EVENT_TYPES:
        return [Violation("event_types", f"must be 1 to {MOST_EVENT_TYPES} event types, not {len(patterns)}")]
    readable = presenter.subjects(permissions)
    broken = []
    for index, pattern in enumerate(patterns):
        field, said = f"event_types[{index}]", {"pattern": repr(pattern[:100])}
        subject = pattern.partition(".")[0]
        if not known_pattern(pattern, presenter.event_types):
            broken.append(Violation(field, "{pattern} is no event type", said))
        elif pattern in patterns[:index]:
            broken.append(Violation(field, "{pattern} is named already", said))
        elif pattern == EVERYTHING:
            if not readable:
                broken.append(Violation(field, "{pattern} needs a permission to read anything", said))
        elif subject not in readable:
            broken.append(
                Violation(field, "{pattern} needs {permission}", {**said, "permission": presenter.permission(subject)})
            )
    return broken


# addresses -------------------------------------------------------------------------------------------------------------


def url_violations(url: str, policy: UrlPolicy) -> list[Violation]:
    """What is wrong with an endpoint's address."""
    return [Violation("url", words) for words in _url_faults(url, policy)]


def _url_faults(url: str, policy: UrlPolicy) -> Iterator[str]:
    if not 1 <= len(url) <= MOST_URL:
        yield f"must have 1 to {MOST_URL} characters, not {len(url)}"
        return
    if not URL_CHARACTERS.fullmatch(url):
        yield "must hold characters of a URL only: others are percent-encoded, and in a host's name written as xn--"
        return
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        yield "is no URL like https://hooks.example.com/trunkline"
        return
    begins = parts.scheme in ("http", "https") and url[len(parts.scheme) :].startswith("://")
    if not begins or not host or not well_bracketed(parts.netloc):
        yield "is no URL like https://hooks.example.com/trunkline"
        return
    if parts.scheme == "http" and policy.https_only:
        yield "must begin with https://"
    if "@" in parts.netloc:
        yield "must not hold a user name or password"
    if "#" in url:
        yield "must not have a fragment (#)"
    if port == 0 or parts.netloc.endswith(":"):
        yield "must have a port from 1 to 65535, or none"
    yield from _host_faults(host, bracketed="[" in parts.netloc, policy=policy)


def _host_faults(host: str, *, bracketed: bool, policy: UrlPolicy) -> Iterator[str]:
    address = literal_address(f"[{host}]" if bracketed else host)
    if address is not None:
        if "%" in host:
            yield "must not have a zone (%) in its address"
        if (refusal := policy.allowed.refusal(address)) is not None:
            yield refusal
        return
    labels = host.removesuffix(".").split(".")
    if bracketed or len(host) > MOST_HOST or not all(LABEL.fullmatch(label) for label in labels):
        yield f"has a host that is none: {host[:100]!r}"
    elif labels[-1].isdecimal() or re.fullmatch(r"0x[0-9a-f]*", labels[-1]):  # as an address it is out of range
        yield f"has a host that is no address: {host[:100]!r}"
    elif labels[-1] == "localhost":
        refusals = [policy.allowed.refusal(address) for address in LOOPBACK]
        if all(refusals):
            yield f"leads to this server itself: {refusals[0]}"
