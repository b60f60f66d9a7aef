"""What links begin with."""

from urllib.parse import urlsplit

from trunkline.kit.http.request import Request
from trunkline.kit.principal import Environment

SANDBOX = "sb2."
HTTPS_OFFSET = 443
HERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - only looked up: where all addresses of this machine begin


class Bases:
    """What links begin with: the public address where one is set, else the server's own (reference/expeto.md §6.2).

    A `Host` header is believed only when it is one of the server's own names: links never lead where a stranger's header says.
    `https`: whether the server's own address is the one that it serves over HTTPS, for links that no request asks for.
    """

    def __init__(self, public_url: str = "", host: str = "127.0.0.1", port: int = 8000, *, https: bool = False) -> None:
        self._public = {Environment.PRODUCTION: public_url.rstrip("/")}
        if public_url:
            parts = urlsplit(public_url)
            sandbox = f"{parts.scheme}://{SANDBOX}{parts.netloc}{parts.path}".rstrip("/")
            self._public[Environment.SANDBOX] = sandbox
        own, here = _spelled(host), _spelled(HERE.get(host, host))
        names = {own, here, "localhost", "127.0.0.1", "[::1]", f"{SANDBOX}localhost"}
        secure = port + HTTPS_OFFSET
        self._own = {f"{name}:{p}" for name in names for p in (port, secure)}
        self._own |= {name for name in names if 443 in (port, secure) or 80 in (port, secure)}
        self._configured = {Environment.PRODUCTION: here, Environment.SANDBOX: f"{SANDBOX}localhost"}
        self._ports = {"http": port, "https": secure}
        self._scheme = "https" if https else "http"

    def of(self, request: Request) -> str:
        """Scheme and host for the answer to a request, without a slash at the end."""
        if not self._public[Environment.PRODUCTION] and request.host in self._own:
            return f"{request.scheme}://{request.host}"
        return self._settled(request.realm.environment, request.scheme)

    def without_request(self, environment: Environment) -> str:
        """Scheme and host for what nobody asked for, such as webhooks."""
        return self._settled(environment, self._scheme)

    def _settled(self, environment: Environment, scheme: str) -> str:
        if self._public[Environment.PRODUCTION]:
            return self._public[environment]
        return f"{scheme}://{self._configured[environment]}:{self._ports.get(scheme, self._ports['http'])}"


def _spelled(host: str) -> str:
    return f"[{host}]" if ":" in host else host
