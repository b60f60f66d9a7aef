"""Everything of a server but its listeners: PostgreSQL if it is ours, the environments' databases, the timers."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from trunkline.kit.principal import Environment
from trunkline.kit.realm import Realm
from trunkline.kit.startup import StartupError
from trunkline.sealing import adopt, keyring_of, source_of
from trunkline.settings import Profile, Settings, variable
from trunkline.supervisor import credentials
from trunkline.supervisor.databases import Prepared, addresses_of, close, connect, embedded_postgres, one_line, prepare_all
from trunkline.supervisor.together import together

if TYPE_CHECKING:
    from trunkline.supervisor.first_start import Preparation

log = structlog.get_logger(__name__)

RESTART_SECONDS = 0.2
LONGEST_RESTART_SECONDS = 10.0


class Backstage:
    """Started before the listeners open, stopped after they have ended."""

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._postgres = embedded_postgres(settings, lambda line: say(f"trunkline: {line}"))
        self._realms: dict[Environment, Realm] = {}
        self._preparation: Preparation | None = None
        self._keyring = keyring_of(settings)
        self.databases: dict[Environment, Prepared] = {}
        self.first = False  # whether this start has filled a database

    @property
    def addresses(self) -> dict[Environment, str]:
        """Where the databases are."""
        return {environment: prepared.address for environment, prepared in self.databases.items()}

    @property
    def variables(self) -> dict[str, str]:
        """The same for the listeners' environment."""
        return {
            variable("database_url"): self.addresses[Environment.PRODUCTION],
            variable("sandbox_database_url"): self.addresses.get(Environment.SANDBOX, ""),
        }

    async def start(self) -> None:
        """PostgreSQL runs, every database is migrated and has a tenant, `credentials.json` is complete.

        Raises `StartupError`.
        """
        maintenance = None
        if self._postgres is not None:
            parts: list[Awaitable[None]] = [self._postgres.start()]
            if self._postgres.is_new:  # what a first start needs is prepared while PostgreSQL makes its cluster
                parts.append(asyncio.to_thread(self._prepare))
            await together(*parts)
            maintenance = self._postgres.dsn("postgres")
        with one_line("the start", self._settings.data, self._postgres):
            self.databases = await prepare_all(addresses_of(self._settings, self._postgres), maintenance)
            await self._adopt_keys()
            await self._fill()
        for environment, prepared in self.databases.items():
            realm = self._realms[environment] = Realm.at(
                environment, prepared.address, connections=1, throttle=False, keyring=self._keyring
            )
            await realm.open()

    async def _adopt_keys(self) -> None:
        """The keys that the databases are sealed with are there; the very first start makes one."""
        for environment, prepared in self.databases.items():
            connection = await connect(prepared.address)
            try:
                await adopt(connection, source_of(self._settings), environment)
            finally:
                await close(connection)

    async def _fill(self) -> None:
        drafts = any(credentials.drafted(self._settings, environment) for environment in self.databases)
        if drafts or any(prepared.empty for prepared in self.databases.values()):
            from trunkline.supervisor import first_start  # noqa: PLC0415 - only the first start needs it

            preparation = self._preparation = self._preparation or first_start.Preparation(self._settings)
            self.first = await first_start.fill(self._settings, self.databases, preparation)
            preparation.end()
        else:
            credentials.complete(self._settings, {})

    def _prepare(self) -> None:
        from trunkline.supervisor import first_start  # noqa: PLC0415

        self._preparation = first_start.Preparation(self._settings)

    async def demonstration_token(self) -> str | None:
        """A token for the screen: of the reading client of the demonstration, in profile local only."""
        if self._settings.profile is not Profile.LOCAL or not self._settings.demo:
            return None
        from trunkline.domains.identity.service import issue_token_as_operator  # noqa: PLC0415 - loaded after the listeners
        from trunkline.kit.errors import Refusal  # noqa: PLC0415

        try:
            client = credentials.read(self._settings)["customer"]["read_only"]
            realm = self._realms[Environment.PRODUCTION]
            return (await issue_token_as_operator(realm, client["client_id"], tuple(client["scopes"]))).token
        except (StartupError, KeyError, Refusal):
            return None  # the file was moved, or the client revoked

    async def watch(self) -> None:
        """Run the timers and keep PostgreSQL alive until cancelled."""
        from trunkline.supervisor.timers import Periods, run_timers  # noqa: PLC0415 - loaded after the listeners

        settings = self._settings
        days = (settings.case_closes_after_days, settings.webhook_payload_days, settings.webhook_log_days)
        periods = Periods(*(timedelta(days=number) for number in days))
        await together(run_timers(list(self._realms.values()), periods), self._keep())

    async def _keep(self) -> None:
        """Start PostgreSQL again whenever it ends by itself; it recovers what was acknowledged."""
        pause = RESTART_SECONDS
        while self._postgres is not None:
            code = await self._postgres.exited()
            log.error("postgresql.ended", code=code)
            await asyncio.sleep(pause)
            try:
                await self._postgres.start()
            except StartupError as error:
                pause = min(pause * 2, LONGEST_RESTART_SECONDS)
                log.error("postgresql.not_started", error=str(error), next_try_seconds=pause)  # noqa: TRY400
            else:
                pause = RESTART_SECONDS
                log.info("postgresql.started")

    async def stop(self) -> None:
        """End what `start` started, as far as it came."""
        if self._preparation is not None:
            self._preparation.end()
        try:
            await together(*(realm.close() for realm in self._realms.values()))
        finally:
            if self._postgres is not None:
                await self._postgres.stop()
