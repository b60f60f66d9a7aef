"""The listeners as child processes: started, waited for, watched, ended."""

import asyncio
import errno
import os
import socket
import sys
from pathlib import Path

from trunkline.kit.startup import ExitCode, StartupError
from trunkline.settings import Profile, Settings
from trunkline.supervisor.certificate import local_certificate

HTTPS_OFFSET = 443
READY_SECONDS = 60
STOP_SECONDS = 25  # longer than listener.DRAIN_SECONDS


class Server:
    """One listener process."""

    def __init__(self, scheme: str, address: str, port: int, workers: int, certificate: tuple[Path, Path] | None) -> None:
        self.scheme, self.address, self.port, self.workers = scheme, address, port, workers
        self._certificate = certificate
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.scheme}://{'127.0.0.1' if host == '0.0.0.0' else host}:{self.port}"  # noqa: S104 - only compared

    def check_port(self) -> None:
        """Raise `StartupError` when something else listens there."""
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.address, self.port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    reason = f"port {self.port} on {self.address} is in use; set TRUNKLINE_PORT to another"
                    raise StartupError(reason, ExitCode.ADDRESS_IN_USE) from error
                raise StartupError(
                    f"cannot listen on {self.address}:{self.port}: {error.strerror}", ExitCode.CONFIGURATION
                ) from error

    async def start(self, environment: dict[str, str]) -> None:
        """Start the process; `ready` waits for it."""
        arguments = [
            "--parent",
            str(os.getpid()),
            "--address",
            self.address,
            "--port",
            str(self.port),
            "--workers",
            str(self.workers),
        ]
        if self._certificate is not None:
            arguments += ["--certificate", str(self._certificate[0]), "--key", str(self._certificate[1])]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "trunkline.supervisor.listener", *arguments, env=environment, stdin=asyncio.subprocess.DEVNULL
        )

    async def ready(self) -> None:
        """Wait until the port answers. Raises `StartupError` when the process ends before."""
        for _ in range(READY_SECONDS * 50):
            if self._process is not None and self._process.returncode is not None:
                break
            try:
                _, writer = await asyncio.open_connection(self.address, self.port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return
        raise StartupError(f"the server on {self.address}:{self.port} did not start; the log above says why", ExitCode.INTERNAL)

    async def ended(self) -> int:
        """Wait for the process's end; its exit code."""
        assert self._process is not None
        return await self._process.wait()

    async def stop(self) -> None:
        """Let it finish what it is answering, then end it."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


def servers_of(settings: Settings) -> list[Server]:
    """The listeners that the settings ask for. Raises `StartupError` when they cannot be had."""
    if settings.profile is Profile.LOCAL and settings.host not in ("127.0.0.1", "localhost", "::1"):
        raise StartupError(
            f"TRUNKLINE_HOST={settings.host}: profile local serves plain HTTP on the loopback address only; set TRUNKLINE_PROFILE=production",
            ExitCode.CONFIGURATION,
        )
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        raise StartupError("TRUNKLINE_TLS_CERTIFICATE and TRUNKLINE_TLS_KEY go together", ExitCode.CONFIGURATION)
    address = "127.0.0.1" if settings.host == "localhost" else settings.host
    servers = [Server("http", address, settings.port, settings.workers, None)]
    if settings.tls_certificate is not None and settings.tls_key is not None:
        for path in (settings.tls_certificate, settings.tls_key):
            if not path.is_file():
                raise StartupError(f"{path} is not a file", ExitCode.CONFIGURATION)
        pair = (settings.tls_certificate.absolute(), settings.tls_key.absolute())
        servers.append(Server("https", address, settings.port + HTTPS_OFFSET, settings.workers, pair))
    elif settings.profile is Profile.LOCAL:
        # For trying things out with HTTPS; one worker is enough.
        servers.append(Server("https", address, settings.port + HTTPS_OFFSET, 1, local_certificate(settings.data)))
    return servers
