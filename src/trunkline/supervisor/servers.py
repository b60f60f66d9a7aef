"""The listeners as the supervisor sees them: started, waited for, watched."""

import asyncio
import errno
import socket
import ssl
import sys
from pathlib import Path

import structlog

from trunkline.kit.startup import ExitCode, StartupError, reason
from trunkline.settings import Profile, Settings, variable
from trunkline.supervisor import certificate
from trunkline.supervisor.credentials import HTTPS_OFFSET
from trunkline.supervisor.parts import Part, Parts

READY_SECONDS = 60.0
LEFTOVER_SECONDS = (
    45.0  # how long the listeners of a killed server may need to finish: they drain, and one may have to be killed
)
POLL_SECONDS = 0.02
PROBE_SECONDS = 5.0
RESTART_SECONDS = 0.5

log = structlog.get_logger(__name__)


class Server:
    """One listener. `start` lets it listen, `ready` waits for its first answer."""

    def __init__(self, scheme: str, address: str, port: int, workers: int, pair: tuple[Path, Path] | None = None) -> None:
        self.scheme, self.address, self.port, self.workers = scheme, address, port, workers
        self._pair = pair
        self._started: Part | None = None
        self._claim: socket.socket | None = None  # bound, never listening: nobody takes the port while no listener runs

    @property
    def _part(self) -> Part:
        if self._started is None:
            raise RuntimeError("not started")
        return self._started

    @property
    def url(self) -> str:
        """Where it answers, as seen from this machine."""
        return f"{self.scheme}://{_spelled(self._here)}:{self.port}"

    @property
    def _here(self) -> str:
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.address, self.address)  # noqa: S104 - only compared

    async def claim_port(self, patience: float) -> None:
        """Take the port. Raises `StartupError` when something else has it, and still has after `patience` seconds."""
        deadline = asyncio.get_running_loop().time() + patience
        while True:
            try:
                self._bind(shared=False)
                self._claim = self._bind(shared=True)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise StartupError(
                        f"cannot listen on {_spelled(self.address)}:{self.port}: {reason(error)}", ExitCode.CONFIGURATION
                    ) from error
                if asyncio.get_running_loop().time() >= deadline:
                    raise StartupError(self._taken(), ExitCode.ADDRESS_IN_USE) from error
            else:
                return
            await asyncio.sleep(0.1)

    def _taken(self) -> str:
        needed = f" for HTTPS (TRUNKLINE_PORT + {HTTPS_OFFSET})" if self.scheme == "https" else ""
        return f"port {self.port} on {self.address} is needed{needed} but in use; set {variable('port')} to another"

    def _bind(self, *, shared: bool) -> socket.socket | None:
        """Bind the port: alone, to see whether it is free, or so that only our listeners (which share it) can have it too."""
        if shared and sys.platform != "linux":
            return None
        claim = socket.socket(socket.AF_INET6 if ":" in self.address else socket.AF_INET, socket.SOCK_STREAM)
        try:
            claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if shared:
                claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            claim.bind((self.address, self.port))
        except OSError:
            claim.close()
            raise
        if shared:
            return claim
        claim.close()
        return None

    async def start(self, parts: Parts, variables: dict[str, str]) -> None:
        """Let it listen, with these environment variables. Raises `StartupError`."""
        arguments: dict[str, object] = {"address": self.address, "port": self.port, "workers": self.workers}
        if self._pair is not None:
            certificate_, key = map(str, self._pair)
            arguments |= {"certificate": certificate_, "key": key}
        self._started = await parts.fork("listener", f"trunkline-{self.scheme}", arguments, variables)

    async def ready(self) -> None:
        """Wait for its first answer. Raises `StartupError` when the process ends before, or none comes."""
        deadline = asyncio.get_running_loop().time() + READY_SECONDS
        while not self._part.has_ended and asyncio.get_running_loop().time() < deadline:
            if await self._answers():
                return
            await asyncio.sleep(POLL_SECONDS)
        raise StartupError(f"the server at {self.url} did not start; the log above says why", ExitCode.INTERNAL)

    async def _answers(self) -> bool:
        context = None
        if self._pair is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # without the system's authorities, which take long to load
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE  # it is ourselves
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                reader, writer = await asyncio.open_connection(self._here, self.port, ssl=context)
                writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                answer = await reader.readline()
                writer.transport.abort()
        except (OSError, TimeoutError):
            return False
        return answer.startswith(b"HTTP/")

    async def ended(self) -> int:
        """Wait for the process's end; its exit code."""
        return await self._part.ended()


def servers_of(settings: Settings) -> list[Server]:
    """The listeners that the settings ask for. Raises `StartupError` for certificate files that cannot be used."""
    address = "127.0.0.1" if settings.host == "localhost" else settings.host
    servers = [Server("http", address, settings.port, settings.workers)]
    if settings.tls_certificate is not None and settings.tls_key is not None:
        pair = (settings.tls_certificate.absolute(), settings.tls_key.absolute())
        certificate.check(*pair)
        servers.append(Server("https", address, settings.port + HTTPS_OFFSET, settings.workers, pair))
    elif settings.profile is Profile.LOCAL:
        # For trying things out with HTTPS; one worker is enough.
        pair = certificate.local_certificate(settings.data.absolute())
        servers.append(Server("https", address, settings.port + HTTPS_OFFSET, 1, pair))
    return servers


def _spelled(address: str) -> str:
    return f"[{address}]" if ":" in address else address


async def keep(server: Server, parts: Parts, variables: dict[str, str]) -> None:
    """Start a listener again whenever it ends by itself, until cancelled."""
    while True:
        log.error("listener.ended", url=server.url, code=await server.ended())
        await asyncio.sleep(RESTART_SECONDS)
        try:
            await server.start(parts, variables)
            await server.ready()
        except StartupError as error:
            log.error("listener.not_started", error=str(error))  # noqa: TRY400 - one line says it all
