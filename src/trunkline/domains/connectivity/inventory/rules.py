"""The rules of single values of the inventory. Pure; sources: reference/expeto.md §5, 3GPP TS 23.003 §9.1 (names of access points)."""

import re

from trunkline.domains.connectivity.inventory.drafts import ApnProfileDraft
from trunkline.kit.errors import Violation
from trunkline.kit.rules import anything, digits, extensions, hexadecimal, number, text, word

__all__ = [
    "APN_NAME", "DESCRIPTION", "EXTENSIONS", "HOST", "IMSI_PREFIX", "KEY", "LABEL", "LINE", "MOST_APNS", "MOST_SYSTEMS", "NAME", "PATH",
    "PORT", "RATE", "REFERENCE", "TAC", "TRANSPORT_KEY", "TRUTH", "arp", "list_violations", "qci", "rate_violations", "word",
]  # fmt: skip

APN_LENGTH = 62  # 63 octets when encoded, each label behind its length
APN_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
APN_RESERVED = ("rac", "lac", "sgsn", "rnc")
UNBROKEN = re.compile(r"[^\s\x00]{1,255}")
MOST_RATE = 10**15  # bit/s
MOST_SYSTEMS = 100
MOST_APNS = 50

NAME = text(255, 1)
LABEL = text(255)  # a short text that may be empty
LINE = text(255, 1)
DESCRIPTION = text(2000)
PATH = text(1000, 1)
EXTENSIONS = extensions
TRUTH = anything
RATE = number(0, MOST_RATE)
PORT = number(1, 65535)
TAC = digits(8, 8)
IMSI_PREFIX = digits(1, 15)
KEY = hexadecimal(32)
TRANSPORT_KEY = hexadecimal(32, 48, 64)
qci = number(1, 9)
arp = number(1, 15)


def APN_NAME(field: str, value: str) -> list[Violation]:  # noqa: N802 - a rule like its neighbours
    """An APN's network identifier: labels of letters, digits and hyphens, joined by dots."""
    if not 1 <= len(value) <= APN_LENGTH:
        return [Violation(field, f"must have 1 to {APN_LENGTH} characters, not {len(value)}")]
    labels = value.split(".")
    if not all(APN_LABEL.fullmatch(label) for label in labels):
        return [Violation(field, "must be labels of 1 to 63 letters, digits and inner hyphens, joined by dots")]
    if value.lower().startswith(APN_RESERVED) or labels[-1].lower() == "gprs":
        return [
            Violation(field, f"must not begin with {', '.join(APN_RESERVED)} or end in gprs, which the network uses itself")
        ]
    return []


def HOST(field: str, value: str) -> list[Violation]:  # noqa: N802
    """A host name or address: up to 255 characters without blanks."""
    return [] if UNBROKEN.fullmatch(value) else [Violation(field, "must be a host name or address of at most 255 characters")]


def REFERENCE(field: str, value: str) -> list[Violation]:  # noqa: N802
    """A chosen reference: free text that can stand in a path."""
    if value in (".", ".."):
        return [Violation(field, "must not be . or ..")]
    return text(100, 1)(field, value)


def list_violations(field: str, count: int, most: int) -> list[Violation]:
    """Whether a list is short enough."""
    return [Violation(field, f"must have at most {most} entries, not {count}")] if count > most else []


def rate_violations(field: str, profile: ApnProfileDraft) -> list[Violation]:
    """Whether the rates of an APN in a system profile can be."""
    given = (("max_download", profile.max_download), ("max_upload", profile.max_upload))
    return [fault for name, rate in given if rate is not None for fault in RATE(f"{field}.{name}", rate)]
