"""`trunkline keys`: the keys that seal secrets in the databases."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import typer

from trunkline.cli.connect import open_realms
from trunkline.cli.show import JsonOption, show
from trunkline.kit.clock import monotonic
from trunkline.kit.db import connect
from trunkline.kit.keyring import KeyFile, new_key
from trunkline.kit.keyring.registry import only_command, registered
from trunkline.kit.logs import configure_logging
from trunkline.kit.realm import Realm
from trunkline.kit.startup import ExitCode, StartupError
from trunkline.resealing import announce, forget_in, older_transactions, reseal, tell, uses
from trunkline.sealing import missing_text, source_of
from trunkline.settings import Settings, load, variable

app = typer.Typer(no_args_is_help=True, help="The keys that seal secrets in the databases.")

WaitOption = Annotated[float, typer.Option(help="seconds to wait for transactions that may still use an old key")]
POLL_SECONDS = 0.2

Uses = dict[str, Counter[str]]  # environment to key id to how many values it sealed


@app.callback()
def keys() -> None:
    """The keys that seal secrets in the databases."""
    configure_logging("warning")


@app.command("list")
def list_keys(as_json: JsonOption = False) -> None:
    """Show every key's id, newest first, and how many values it sealed."""
    found = asyncio.run(_list(load()))
    if as_json:
        show(True, found)
        return
    print(f"{'source':<16}{found['source']}")
    for key in found["keys"]:
        sealed = ", ".join(f"{count} values in {environment}" for environment, count in key["uses"].items())
        print(f"{key['id']:<16}{key['state']:<10}{sealed}")


@app.command("rotate")
def rotate(as_json: JsonOption = False) -> None:
    """Make a new key and seal everything anew with it, while servers go on."""
    show(as_json, asyncio.run(_rotate(load())))


@app.command("reseal")
def reseal_all(as_json: JsonOption = False) -> None:
    """Seal everything anew that an older key than the newest sealed."""
    show(as_json, asyncio.run(_reseal(load())))


@app.command("prune")
def prune(wait: WaitOption = 30.0, as_json: JsonOption = False) -> None:
    """Remove the old keys, which nothing uses any more; refuses while something does."""
    show(as_json, asyncio.run(_prune(load(), wait)))


@app.command("forget")
def forget(
    key_id: Annotated[str, typer.Argument(help="the id of a key that is lost for good")], as_json: JsonOption = False
) -> None:
    """Give up a lost key, so that servers start without it. What it sealed stays unreadable until it is written anew."""
    show(as_json, asyncio.run(_forget(load(), key_id)))


async def _list(settings: Settings) -> dict[str, Any]:
    held = [key.id for key in source_of(settings).read()]
    async with open_realms(settings) as realms:
        found = await _uses(realms)
        needed = {key_id for realm in realms for key_id in await _registered(realm)}
    missing = sorted((needed | {key_id for sealed in found.values() for key_id in sealed}) - set(held))
    states = {key_id: "current" if key_id == held[0] else "old" for key_id in held} | dict.fromkeys(missing, "missing")
    listed = [
        {"id": key_id, "state": state, "uses": {environment: sealed[key_id] for environment, sealed in found.items()}}
        for key_id, state in states.items()
    ]
    return {"source": _named(settings), "keys": listed}


async def _rotate(settings: Settings) -> dict[str, Any]:
    source = source_of(settings)
    if not isinstance(source, KeyFile):
        raise StartupError(
            f"the keys come from {variable('secret_key')}, which only you can change: put a new key (32 random bytes in base64, such "
            "as `openssl rand -base64 32` makes) in front of what it holds, separated by a comma, restart every server, then run "
            "`trunkline keys reseal`",
            ExitCode.USAGE,
        )
    async with _alone(settings) as realms:
        held = source.read()
        if not held:
            raise StartupError("there is no key yet: start the server once (`make run`)", ExitCode.CONFIGURATION)
        added = new_key()
        source.write([added, *held])
        return {"current": added.id, "old": [key.id for key in held], **await _sealed_anew(realms)}


async def _reseal(settings: Settings) -> dict[str, Any]:
    async with _alone(settings) as realms:
        held = source_of(settings).read()
        return {"current": held[0].id, "old": [key.id for key in held[1:]], **await _sealed_anew(realms)}


async def _sealed_anew(realms: list[Realm]) -> dict[str, Any]:
    for realm in realms:
        realm.reload_keys()
        await announce(realm)
    return {"resealed": {realm.environment.value: await reseal(realm) for realm in realms}}


async def _prune(settings: Settings, wait: float) -> dict[str, Any]:
    source = source_of(settings)
    async with _alone(settings) as realms:
        held = source.read()
        known = {key_id for realm in realms for key_id in await _registered(realm)}
        old = sorted((known | {key.id for key in held}) - {held[0].id})
        for realm in realms:
            await _settled(realm, wait)
        for environment, sealed in (await _uses(realms)).items():
            if used := {key_id: sealed[key_id] for key_id in old if sealed[key_id]}:
                told = ", ".join(f"{key_id} ({count} values)" for key_id, count in used.items())
                raise StartupError(f"{environment} still uses {told}: run `trunkline keys reseal`", ExitCode.FAILED)
        if isinstance(source, KeyFile) and len(held) > 1:
            source.write(held[:1])
        for realm in realms:
            await forget_in(realm, old)
            await tell(realm)
    result: dict[str, Any] = {"current": held[0].id, "removed": old}
    if not isinstance(source, KeyFile) and len(held) > 1:
        result["next"] = (
            f"take {', '.join(key.id for key in held[1:])} out of {variable('secret_key')} and restart every server"
        )
    return result


async def _forget(settings: Settings, key_id: str) -> dict[str, Any]:
    async with _alone(settings, needs_all=False) as realms:
        if key_id in (key.id for key in source_of(settings).read()):
            raise StartupError(f"{key_id} is not lost: {_named(settings)} holds it", ExitCode.USAGE)
        found = await _uses(realms)
        for realm in realms:
            await forget_in(realm, [key_id])
    return {"forgotten": key_id, "unreadable": {environment: sealed[key_id] for environment, sealed in found.items()}}


async def _settled(realm: Realm, wait: float) -> None:
    """Wait until no transaction is under way that may have sealed with an older key."""
    await announce(realm)
    deadline = monotonic() + wait
    while running := await older_transactions(realm):
        if monotonic() > deadline:
            raise StartupError(
                f"{running} transactions in {realm.environment} began before every process knew the newest key; try again later",
                ExitCode.FAILED,
            )
        await asyncio.sleep(POLL_SECONDS)


async def _uses(realms: list[Realm]) -> Uses:
    return {realm.environment.value: await uses(realm) for realm in realms}


async def _registered(realm: Realm) -> tuple[str, ...]:
    async with realm.pool.connection() as connection:
        return await registered(connection)


def _named(settings: Settings) -> str:
    source = source_of(settings)
    return str(source.path) if isinstance(source, KeyFile) else variable("secret_key")


@asynccontextmanager
async def _alone(settings: Settings, *, needs_all: bool = True) -> AsyncIterator[list[Realm]]:
    """The realms, while no other command changes keys. Raises `StartupError` when a key that they need is not there."""
    async with open_realms(settings) as realms:
        connection = await connect(realms[0].pool.dsn)
        try:
            if not await only_command(connection):
                raise StartupError("another `trunkline keys` command is under way", ExitCode.ALREADY_RUNNING)
            source = source_of(settings)
            held = {key.id for key in source.read()}
            for realm in realms if needs_all else ():
                if missing := [key_id for key_id in await _registered(realm) if key_id not in held]:
                    raise StartupError(missing_text(source, realm.environment, missing), ExitCode.CONFIGURATION)
            yield realms
        finally:
            connection.terminate()
