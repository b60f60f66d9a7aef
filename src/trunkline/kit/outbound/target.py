"""From the text of a URL to what is asked for: scheme, host, port and path, sent as they were written.

What a URL spells is read here once, for every call: a host that is an address in an odd spelling becomes that address in its usual
form, a name in letters beyond ASCII becomes its IDNA form. The path and the query go out byte for byte, since they may be signed;
only what cannot stand in a request line is percent-encoded.
"""

import re
from urllib.parse import quote, urlsplit

import idna
from yarl import URL

from trunkline.kit.outbound.addresses import literal_address, well_bracketed

NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))*\Z")
NUMBER = re.compile(r"(0x[0-9a-f]*|[0-9]+)\Z")
UNSENDABLE = re.compile(r"[^!$&-;=?-Z_a-z~%\[\]]|%(?![0-9A-Fa-f]{2})")  # what RFC 3986 has no place for in a path or query
PORTS = {"http": 80, "https": 443}


def target(url: str) -> URL:
    """What to call for `url`. Raises `ValueError` in words for what is no http or https URL that we call."""
    parts = urlsplit(url)
    if parts.scheme not in PORTS:
        raise ValueError("the address must begin with https:// or http://")
    if "@" in parts.netloc:
        raise ValueError("the address must not hold a user name or password")
    if not well_bracketed(parts.netloc):
        raise ValueError(f"“{parts.netloc[:253]}” is no host name")
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError("the port must be a number from 1 to 65535")
    return URL.build(
        scheme=parts.scheme,
        host=_host(parts.hostname or ""),
        port=None if port == PORTS[parts.scheme] else port,
        path=_sendable(parts.path) or "/",
        query_string=_sendable(parts.query),
        encoded=True,
    )


def _host(host: str) -> str:
    """The host as it is asked for: an address in its usual form, or a name in ASCII."""
    if literal := literal_address(host):
        return f"[{literal}]" if ":" in literal else literal
    name = host
    if not host.isascii():
        try:
            name = idna.encode(host, uts46=True).decode("ascii")
        except idna.IDNAError:
            name = ""
    name = name.lower().removesuffix(".")
    if NAME.match(name) is None or NUMBER.match(name.rpartition(".")[2]):  # an address out of range (WHATWG "ends in a number")
        raise ValueError(f"“{host[:253]}” is no host name")
    return name


def _sendable(text: str) -> str:
    return UNSENDABLE.sub(lambda found: quote(found.group(), safe=""), text)
