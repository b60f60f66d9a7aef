"""Identity: API clients and access tokens."""

import re
from datetime import timedelta

import pytest

from tests.domains.house import ALL, House
from trunkline.domains.identity import service as identity
from trunkline.domains.identity.service import AccessTokens
from trunkline.kit import secrets
from trunkline.kit.errors import Forbidden, Invalid, NotFound, Unauthenticated
from trunkline.kit.principal import Environment
from trunkline.kit.query import EVERYTHING, Window

SCOPES = ("customerapi/basic.read", "customerapi/support.read")


async def made(house: House, name: str, scopes: tuple[str, ...] = SCOPES) -> tuple[identity.ApiClient, str]:
    async with house.writing(house.customer) as work:
        return await identity.create_client(work, name, scopes)


# secrets ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 2, 36, 33_554_431])
def test_credentials_carry_their_tenant(number: int) -> None:
    """Client ids and tokens say whose they are, and anything else says nothing."""
    client_id, token = secrets.new_client_id(number), secrets.new_token(secrets.ACCESS_TOKEN, number)
    assert re.fullmatch("[0-9a-z]{26}", client_id)
    assert secrets.tenant_of_client_id(client_id) == number
    assert re.fullmatch("tlat_[0-9A-Za-z]{51}", token)
    assert secrets.tenant_of_token(secrets.ACCESS_TOKEN, token) == number
    swapped = token[:20] + ("a" if token[20] != "a" else "b") + token[21:]
    for wrong in (swapped, token[:-1], token + "0", token.upper(), "tlxx_" + token[5:], "", "é" * 56, "\0" * 56):
        assert secrets.tenant_of_token(secrets.ACCESS_TOKEN, wrong) is None
    for wrong in (client_id[:-1], client_id.upper() + "A", "é" * 26, "-" * 26, "", "\0" * 26, " " * 26):
        assert secrets.tenant_of_client_id(wrong) is None


def test_secrets_are_long_and_different() -> None:
    """Secrets are 51 letters and digits, and stored as a digest that only they fit."""
    many = {secrets.new_client_secret() for _ in range(200)}
    assert len(many) == 200
    assert all(re.fullmatch("[0-9A-Za-z]{51}", secret) for secret in many)
    first, second, *_ = many
    assert secrets.same(secrets.digest(first), first)
    assert not secrets.same(secrets.digest(first), second)


# API clients --------------------------------------------------------------------------------------------------------------


async def test_a_client_is_stored_without_its_secret(house: House) -> None:
    """Only a digest of the secret is kept, also in the events."""
    client, secret = await made(house, "stored")
    rows = await house.sql("SELECT row_to_json(k)::text FROM api_clients k WHERE tenant_id = $1 AND id = $2", client.id)
    events = await house.sql("SELECT type, after::text FROM events WHERE tenant_id = $1 AND subject_id = $2", client.id)
    assert [row[0] for row in events] == ["api_client.created"]
    assert secret not in rows[0][0] + events[0][1]
    assert secrets.digest(secret).hex() not in events[0][1]
    assert await identity.find_client(house.reading(house.customer), client.reference) == client


@pytest.mark.parametrize("name", ["", "   ", "x" * 101])
async def test_names_that_are_refused(house: House, name: str) -> None:
    """A name has 1 to 100 characters."""
    with pytest.raises(Invalid) as refused:
        await made(house, name)
    assert refused.value.violations[0].field == "name"


async def test_names_are_unique_in_their_account(house: House) -> None:
    """A name is taken until its client is revoked; another account may have the same."""
    client, _ = await made(house, "taken")
    for name in ("taken", "TAKEN"):
        with pytest.raises(Invalid):
            await made(house, name)
    async with house.writing(house.other) as work:
        await identity.create_client(work, "taken", SCOPES)
    async with house.writing(house.customer) as work:
        await identity.revoke_client(work, client.reference)
    await made(house, "taken")


async def test_who_may_manage_clients(house: House) -> None:
    """Making and revoking need their permission, and nobody sees another customer's clients."""
    client, _ = await made(house, "guarded")
    with pytest.raises(Forbidden):
        async with house.writing(house.customer, ALL - {"api_clients.manage"}) as work:
            await identity.create_client(work, "x", SCOPES)
    with pytest.raises(Forbidden):
        async with house.writing(house.customer, ALL - {"api_clients.manage"}) as work:
            await identity.revoke_client(work, client.reference)
    with pytest.raises(NotFound):
        async with house.writing(house.other) as work:
            await identity.revoke_client(work, client.reference)
    with pytest.raises(NotFound):
        await identity.find_client(house.reading(house.other), client.reference)
    page = await identity.list_clients(house.reading(house.other), EVERYTHING, (), Window(0, 200))
    assert client.reference not in [item.reference for item in page.items]


# tokens -------------------------------------------------------------------------------------------------------------------


async def test_a_token_stands_for_its_client(house: House) -> None:
    """A token is issued for scopes that the client holds, resolves to what the client reaches, and is stored as a digest."""
    client, secret = await made(house, "tokens")
    issued = await identity.issue_token(house.realm, client.reference, (secret,), SCOPES[:1])
    assert (issued.expires_in, issued.scopes) == (3600, SCOPES[:1])
    tokens = AccessTokens({Environment.PRODUCTION: house.realm})
    credential = await tokens.resolve(house.realm, issued.token)
    assert (credential.client, credential.scopes, credential.reach) == (client.id, SCOPES[:1], house.customer)
    assert credential.client_name == "tokens"
    rows = await house.sql("SELECT token_hash FROM access_tokens WHERE tenant_id = $1 AND api_client_id = $2", client.id)
    assert [row[0] for row in rows] == [secrets.digest(issued.token)]
    assert (await identity.find_client(house.reading(house.customer), client.reference)).last_used_at is not None


@pytest.mark.parametrize("readings", [(), ("wrong",), ("wrong", "wrong again"), ("",)])
async def test_wrong_secrets(house: House, readings: tuple[str, ...]) -> None:
    """No reading of a secret fits: the client is not authenticated; one that fits is enough."""
    client, secret = await made(house, f"wrong {readings}")
    with pytest.raises(Unauthenticated):
        await identity.issue_token(house.realm, client.reference, readings, SCOPES)
    assert await identity.issue_token(house.realm, client.reference, (*readings, secret), SCOPES)


@pytest.mark.parametrize("client_id", ["", "x", "0" * 26, "zzzzz" + "0" * 21, "é" * 26])
async def test_unknown_clients(house: House, client_id: str) -> None:
    """An unknown client gets the same refusal as a wrong secret."""
    with pytest.raises(Unauthenticated, match="the client is unknown or its secret is wrong"):
        await identity.issue_token(house.realm, client_id, ("x",), SCOPES)


async def test_scopes_that_are_not_held(house: House) -> None:
    """Nobody gets a scope that the client was not made with."""
    client, secret = await made(house, "scopes")
    for scopes in (("customerapi/billing.read",), (*SCOPES, "nonsense")):
        with pytest.raises(Invalid) as refused:
            await identity.issue_token(house.realm, client.reference, (secret,), scopes)
        assert refused.value.violations[0].field == "scope"


async def test_tokens_end(house: House) -> None:
    """A token ends with its hour or its client, whichever comes first, also where it is remembered."""
    client, secret = await made(house, "ending")
    tokens = AccessTokens({Environment.PRODUCTION: house.realm})
    first = (await identity.issue_token(house.realm, client.reference, (secret,), SCOPES)).token
    house.realm.clock.offset_seconds = 3599
    try:
        assert await tokens.resolve(house.realm, first)
        house.realm.clock.offset_seconds = 3601
        with pytest.raises(Unauthenticated):
            await tokens.resolve(house.realm, first)
        async with house.realm.pool.connection() as connection:
            await identity.sweep_tokens(connection, house.tenant_id, house.realm.clock.now() - timedelta(hours=1))
            assert await house.sql("SELECT 1 FROM access_tokens WHERE tenant_id = $1 AND api_client_id = $2", client.id)
            await identity.sweep_tokens(connection, house.tenant_id, house.realm.clock.now())
        assert not await house.sql("SELECT 1 FROM access_tokens WHERE tenant_id = $1 AND api_client_id = $2", client.id)
    finally:
        house.realm.clock.offset_seconds = 0
    second = (await identity.issue_token(house.realm, client.reference, (secret,), SCOPES)).token
    assert await tokens.resolve(house.realm, second)
    async with house.writing(house.customer) as work:
        await identity.revoke_client(work, client.reference)
    tokens.forget()  # what the signal does
    with pytest.raises(Unauthenticated):
        await tokens.resolve(house.realm, second)
    with pytest.raises(Unauthenticated):
        await identity.issue_token(house.realm, client.reference, (secret,), SCOPES)
