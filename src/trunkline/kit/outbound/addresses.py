"""Which IP addresses a call of ours may reach, and which address a host name spells.

The tables follow the IANA registries of special-purpose addresses (RFC 6890 and its updates) and are written out, since what Python's
`ipaddress` calls private differs from release to release. Of IPv6 only 2000::/3 is open at all: everything else is not unicast on
the Internet.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

SETTING = "TRUNKLINE_WEBHOOK_NETWORKS"

# What is refused, and how it is called in "the address ... is ..."; the first network that holds the address counts.
CLOSED_V4 = tuple(
    (IPv4Network(network), words)
    for network, words in (
        ("0.0.0.0/32", "the unspecified address"),  # reaches this machine on Linux
        ("0.0.0.0/8", "reserved"),
        ("10.0.0.0/8", "in a private network"),
        ("100.64.0.0/10", "in a carrier's shared network"),  # RFC 6598; Alibaba's metadata service too
        ("127.0.0.0/8", "a loopback address"),
        ("168.63.129.16/32", "the platform service of a cloud"),  # Azure's host, although it is in a public range
        ("169.254.0.0/16", "a link-local address"),  # metadata services of most clouds
        ("172.16.0.0/12", "in a private network"),
        ("192.0.0.0/24", "reserved for protocols"),  # Oracle's metadata service at 192.0.0.192 too
        ("192.0.2.0/24", "for documentation only"),
        ("192.31.196.0/24", "reserved for protocols"),  # AS112 (RFC 7535)
        ("192.52.193.0/24", "reserved for protocols"),  # AMT (RFC 7450)
        ("192.88.99.0/24", "a 6to4 relay"),
        ("192.168.0.0/16", "in a private network"),
        ("192.175.48.0/24", "reserved for protocols"),  # AS112 (RFC 7534)
        ("198.18.0.0/15", "for benchmarks only"),
        ("198.51.100.0/24", "for documentation only"),
        ("203.0.113.0/24", "for documentation only"),
        ("224.0.0.0/4", "a multicast address"),
        ("255.255.255.255/32", "the broadcast address"),
        ("240.0.0.0/4", "reserved"),
    )
)
CLOSED_V6 = tuple(
    (IPv6Network(network), words)
    for network, words in (
        ("::/128", "the unspecified address"),
        ("::1/128", "a loopback address"),
        ("::ffff:0:0/96", "an IPv4 address written as IPv6"),
        ("::/96", "an IPv4 address written as IPv6"),
        ("::ffff:0:0:0/96", "an IPv4 address written as IPv6"),  # SIIT (RFC 2765)
        (
            "64:ff9b:1::/48",
            "in a network behind a translator (NAT64)",
        ),  # where the IPv4 address stands is the operator's choice
        ("100::/64", "for discarding only"),
        ("2001::/32", "a Teredo tunnel"),
        ("2001:2::/48", "for benchmarks only"),
        ("2001::/23", "reserved for protocols"),
        ("2001:db8::/32", "for documentation only"),
        ("2002::/16", "a 6to4 tunnel"),
        ("2620:4f:8000::/48", "reserved for protocols"),  # AS112 (RFC 7534)
        ("3fff::/20", "for documentation only"),
        ("fc00::/7", "in a private network"),
        ("fe80::/10", "a link-local address"),
        ("fec0::/10", "in a private network"),
        ("ff00::/8", "a multicast address"),
    )
)
GLOBAL_V6 = IPv6Network("2000::/3")
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are the IPv4 address that is reached
MAPPED = (IPv6Network("::ffff:0:0/96"), IPv6Network("::/96"))

AUTHORITY = re.compile(r"([^@]*@)?([^\[\]]*|\[[^\[\]]*\](:[^\[\]]*)?)")


class Allowed:
    """Judges addresses: the Internet's may be reached, and those in `networks` ("10.1.0.0/16", "fd00::/8", "192.168.1.5")."""

    def __init__(self, networks: Sequence[str] = ()) -> None:
        """Raises `ValueError` for a network that is none."""
        self._networks = tuple(ip_network(network, strict=False) for network in networks)
        self._judged = lru_cache(4096)(self._judge)

    def refusal(self, address: str) -> str | None:
        """Why this IP address may not be reached, in words for people; None when it may.

        An address that is none is refused. An IPv4 address in IPv6 clothes (mapped, compatible) is refused even when it is a public
        one, unless its network is allowed; behind the well-known NAT64 prefix the IPv4 address is judged.
        """
        return self._judged(address)

    def _judge(self, address: str) -> str | None:
        try:
            found = ip_address(address)
        except ValueError:
            return f"“{address}” is no IP address"
        if isinstance(found, IPv6Address) and found.scope_id is not None:
            found = IPv6Address(int(found))
        words = self._closed(found)
        return words and f"the address {found} is {words}, which {SETTING} does not allow"

    def _closed(self, address: IPv4Address | IPv6Address) -> str | None:
        if any(address in network for network in self._networks):
            return None
        if isinstance(address, IPv4Address):
            return next((words for network, words in CLOSED_V4 if address in network), None)
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if address in NAT64:
            words = self._closed(inner)
            return words and f"that of {inner} behind a translator (NAT64), {words}"
        if (
            int(address) > 1
            and any(address in network for network in MAPPED)
            and any(inner in network for network in self._networks)
        ):
            return None
        found = next((words for network, words in CLOSED_V6 if address in network), None)
        return found or (None if address in GLOBAL_V6 else "reserved")


def well_bracketed(authority: str) -> bool:
    """Whether brackets stand only around a whole host (RFC 3986, section 3.2.2): "[::1]:80", but not "[::1].example:80".

    Python's `urlsplit` reads an address out of brackets anywhere, where other programs see a name.
    """
    return AUTHORITY.fullmatch(authority) is not None


def literal_address(host: str) -> str | None:
    """The IP address that a host of a URL spells, in its usual form; None when it is a name.

    Understood as browsers and C libraries do (WHATWG URL, "host parsing"; inet_aton): brackets, zone ids, decimal, octal and
    hexadecimal parts, fewer than four parts, a trailing dot, full-width digits and dots. What looks like an address but is out of
    range ("256.1.1.1") is a name that no server knows.
    """
    text = unicodedata.normalize("NFKC", host).replace("。", ".").strip().lower()
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    if ":" in text:
        try:
            return str(IPv6Address(text.partition("%")[0]))
        except ValueError:
            return None
    parts = text.removesuffix(".").split(".")
    if not 1 <= len(parts) <= 4:
        return None
    numbers = [_number(part) for part in parts]
    if any(number is None for number in numbers):
        return None
    *leading, last = [number for number in numbers if number is not None]
    if any(number > 255 for number in leading) or last >= 256 ** (4 - len(leading)):
        return None
    return str(IPv4Address(sum(number << (24 - 8 * at) for at, number in enumerate(leading)) + last))


def _number(part: str) -> int | None:
    """A part of an IPv4 address: 10, 0x0a, 012; None when it is none."""
    digits, base = (part[2:] or "0", 16) if part.startswith("0x") else (part, 8 if len(part) > 1 and part[0] == "0" else 10)
    allowed = "0123456789abcdef"[:base]
    if not 0 < len(digits) <= 64 or any(digit not in allowed for digit in digits):
        return None
    return int(digits, base)
