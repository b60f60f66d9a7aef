"""Where the installation's keys are, and that a server has all that its databases need (docs/decisions/0010-keyring.md)."""

import contextlib

import asyncpg

from trunkline.kit.db import Connection
from trunkline.kit.errors import Refusal
from trunkline.kit.keyring import KeyFile, Keyring, KeyText, new_key
from trunkline.kit.keyring.registry import deciding, register, registered
from trunkline.kit.keyring.source import Source
from trunkline.kit.realm import Realm
from trunkline.kit.startup import ExitCode, StartupError
from trunkline.settings import Settings, variable

FILE = "secret.key"


def source_of(settings: Settings) -> Source:
    """Where the keys come from."""
    if settings.secret_key:
        return KeyText(settings.secret_key, variable("secret_key"))
    return KeyFile(settings.data.absolute() / FILE)


def keyring_of(settings: Settings) -> Keyring:
    """The installation's keys, not read yet."""
    return Keyring(source_of(settings))


async def adopt(connection: Connection, source: Source, environment: str) -> str:
    """Make sure that this server has every key that the database was sealed with; the id of the key that seals.

    Only when no database was ever sealed and there is no key yet, a file with a first one is made. Raises `StartupError`.
    """
    async with deciding(connection):
        keys = source.read()
        known = await registered(connection)
        if missing := [key_id for key_id in known if key_id not in {key.id for key in keys}]:
            raise StartupError(missing_text(source, environment, missing), ExitCode.CONFIGURATION)
        if not keys and isinstance(source, KeyFile):
            with contextlib.suppress(FileExistsError):  # another process of this data folder made it in the same moment
                source.write([new_key()], new=True)
            keys = source.read()
        await register(connection, keys[0].id)
        return keys[0].id


async def adopt_in(realm: Realm, source: Source) -> None:
    """`adopt` in a realm's database, if it can be reached and is migrated. Raises `StartupError`."""
    with contextlib.suppress(Refusal, asyncpg.PostgresError, OSError):
        async with realm.pool.connection() as connection:
            await adopt(connection, source, realm.environment)


def missing_text(source: Source, environment: str, missing: list[str]) -> str:
    """What to say to whoever starts a server without a key that it needs."""
    named = f"the encryption key{'s' if len(missing) > 1 else ''} {', '.join(missing)}"
    if isinstance(source, KeyFile):
        lacking = f"which {source.path} does not hold" if source.path.exists() else f"but there is no {source.path}"
        return (
            f"the {environment} database is sealed with {named}, {lacking}: put back your copy of that file, "
            f"or set {variable('secret_key')}"
        )
    return (
        f"the {environment} database is sealed with {named}, which {variable('secret_key')} does not hold: "
        "add what is missing behind the newest key, separated by a comma"
    )
