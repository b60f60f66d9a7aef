"""Addresses: where links begin, how ids stand in them, and how the addresses that callers send back are read."""

from functools import lru_cache
from urllib.parse import quote, unquote, urlsplit

from trunkline.kit.http.request import Request
from trunkline.kit.principal import Environment

VERSION = "/v1"
PAGED = "{?page,size,sort,projection}"
PROJECTED = "{?projection}"
SANDBOX = "sb2."


class Bases:
    """What links begin with: the public address where one is set, else the server's own (reference/expeto.md §6.2).

    A `Host` header is believed only when it is one of the server's own names: links never lead where a stranger's header says.
    """

    def __init__(self, public_url: str = "", host: str = "127.0.0.1", port: int = 8000) -> None:
        self._public = {Environment.PRODUCTION: public_url.rstrip("/")}
        if public_url:
            parts = urlsplit(public_url)
            sandbox = f"{parts.scheme}://{SANDBOX}{parts.netloc}{parts.path}".rstrip("/")
            self._public[Environment.SANDBOX] = sandbox
        own = f"[{host}]" if ":" in host else host
        names = {own, "localhost", "127.0.0.1", "[::1]", f"{SANDBOX}localhost"}
        secure = port + 443
        self._own = {f"{name}:{p}" for name in names for p in (port, secure)}
        self._own |= {name for name in names if 443 in (port, secure) or 80 in (port, secure)}
        self._configured = {Environment.PRODUCTION: own, Environment.SANDBOX: f"{SANDBOX}localhost"}
        self._ports = {"http": port, "https": secure}

    def of(self, request: Request) -> str:
        """Scheme and host, without a slash at the end."""
        environment = request.realm.environment
        if self._public[Environment.PRODUCTION]:
            return self._public[environment]
        if request.host in self._own:
            return f"{request.scheme}://{request.host}"
        return f"{request.scheme}://{self._configured[environment]}:{self._ports.get(request.scheme, self._ports['http'])}"


@lru_cache(maxsize=4096)
def _quoted(reference: str) -> str:
    return quote(reference, safe="")


def segment(reference: str) -> str:
    """An id as a segment of a path; a person's name for a phone may hold anything."""
    return reference if reference.isdecimal() and reference.isascii() else _quoted(reference)


def reference_in(text: str, target: str) -> str | None:
    """The id in an address of an object of the collection `target`, or the bare id itself; `None` when it is neither.

    Addresses may be absolute or begin at the path, and may carry a template (`{?projection}`) or a query.
    """
    text = text.strip()
    if "://" not in text and not text.startswith("/"):
        return text or None
    path = text.partition("{")[0]
    try:
        path = urlsplit(path).path
    except ValueError:
        return None
    base, _, last = path.rstrip("/").rpartition("/")
    if not base.endswith(f"{VERSION}/{target}") or not last:
        return None
    try:
        return unquote(last, errors="strict")
    except UnicodeDecodeError:
        return None
