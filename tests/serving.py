"""A really started server for tests: `trunkline serve` as a process of its own, on its own port and data folder."""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[1]
START_SECONDS = 60


def free_port() -> int:
    """A port that is free together with its HTTPS neighbour (port + 443); below those that the system gives to clients."""
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as one, socket.socket() as other, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            other.bind(("127.0.0.1", port + 443))
            return port


@dataclass
class Server:
    """One server. `start` waits until it is ready; `stop` ends it in order and returns its exit code."""

    data: Path
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None
    started_in: float = 0.0

    @property
    def environment(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TRUNKLINE_")}
        defaults = {
            "TRUNKLINE_DATA": str(self.data),
            "TRUNKLINE_PORT": str(self.port),
            "TRUNKLINE_WORKERS": "2",
            "TRUNKLINE_THROTTLE": "off",
        }
        return {**clean, "PYTHONPATH": str(ROOT / "src"), **defaults, **self.settings}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def https_url(self) -> str:
        return f"https://127.0.0.1:{self.port + 443}"

    @property
    def log(self) -> Path:
        return self.data.parent / f"{self.data.name}.log"

    def start(self, wait: bool = True) -> "Server":
        """Start the server; with `wait`, until `/readyz` says that it is ready."""
        begun = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "trunkline", "serve"],
            cwd=self.data.parent, env=self.environment, stdout=self.log.open("a"), stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        while wait:
            assert self.process.poll() is None, (
                f"the server ended with {self.process.returncode}:\n{self.log.read_text()[-4000:]}"
            )
            assert time.monotonic() < begun + START_SECONDS, f"the server is not ready:\n{self.log.read_text()[-4000:]}"
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/readyz", timeout=2, headers={"X-Forwarded-Proto": "https"}).status_code in (200, 400):
                    break
            time.sleep(0.05)
        self.started_in = time.monotonic() - begun
        return self

    def stop(self, sent: signal.Signals = signal.SIGTERM) -> int:
        """End the server and wait for it; its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(sent)
        return self.process.wait(40)

    @property
    def credentials(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.data / "credentials.json").read_text())
        return content

    def token(self, who: str = "", environment: str = "") -> str:
        """An access token with all scopes of a client of `credentials.json`: "" (customer), read_only, other or manager."""
        customer = (self.credentials[environment] if environment else self.credentials)["customer"]
        client = customer[who] if who else customer
        answer = httpx.post(
            f"{self.url}/oauth2/token",
            data={
                "grant_type": "client_credentials",
                "client_id": client["client_id"],
                "client_secret": client["client_secret"],
                "scope": " ".join(client["scopes"]),
            },
            headers={"Host": f"sb2.localhost:{self.port}"} if environment == "sandbox" else {},
        )
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["access_token"]
        return token

    def client(self, who: str = "", environment: str = "", **options: Any) -> httpx.Client:
        """An HTTP client that sends such a token."""
        headers = {"Authorization": f"Bearer {self.token(who, environment)}"}
        if environment == "sandbox":
            headers["Host"] = f"sb2.localhost:{self.port}"
        return httpx.Client(base_url=self.url, headers=headers, timeout=30, **options)

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A `trunkline` command with this server's settings."""
        done = subprocess.run(  # noqa: PLW1510 - the caller looks at the code
            [sys.executable, "-m", "trunkline", *command],
            cwd=self.data.parent,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert not check or done.returncode == 0, done.stderr
        return done
