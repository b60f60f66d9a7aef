"""Calls over IPv6: to addresses that are spelled out, and to names that lead to them."""

import socket
from collections.abc import AsyncIterator

import pytest

from tests.naming import NameServer, name_server, receiver
from trunkline.kit.outbound.addresses import Allowed
from trunkline.kit.outbound.client import NotReached, Outbound

FOUR, SIX = "127.0.0.1", "::1"


def ipv6_here() -> bool:
    """Whether this machine has IPv6 at all; containers often have none."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind((SIX, 0))
    except OSError:
        return False
    return True


pytestmark = pytest.mark.skipif(not ipv6_here(), reason="this machine has no IPv6 loopback address")


@pytest.fixture
async def names() -> AsyncIterator[NameServer]:
    async with name_server() as server:
        yield server


@pytest.fixture
async def outbound(names: NameServer) -> AsyncIterator[Outbound]:
    calls = Outbound(Allowed([FOUR, SIX, "fd00::/8"]), seconds=5, nameservers=[names.address])
    yield calls
    await calls.close()


@pytest.mark.parametrize("host", ["[::1]", "[0:0:0:0:0:0:0:1]", "[::0.0.0.1]"])
async def test_an_address_in_brackets(outbound: Outbound, host: str) -> None:
    """However it is written, the address is called, and named to the receiver in brackets and in its usual form."""
    async with receiver(host=SIX) as running:
        reply = await outbound.post(running.url("/in?a=[1]", host=host), {}, b"{}")
        assert (reply.status, reply.address) == (200, SIX)
        (request,) = running.requests
        assert (request.line, request.headers["host"]) == ("POST /in?a=[1] HTTP/1.1", f"[::1]:{running.port}")


async def test_a_name_with_ipv6_addresses_only(outbound: Outbound, names: NameServer) -> None:
    """A receiver that has no IPv4 address gets its deliveries, and they bear its name."""
    names.answers["six.example"] = [[SIX]]
    async with receiver(host=SIX) as running:
        reply = await outbound.post(running.url(host="six.example"), {}, b"{}")
        assert (reply.status, reply.address) == (200, SIX)
        assert running.requests[0].headers["host"] == f"six.example:{running.port}"


@pytest.mark.parametrize(("listens", "others"), [(FOUR, [SIX, "fd00::1"]), (SIX, [FOUR, "fd00::1"])])
async def test_a_family_that_leads_nowhere(outbound: Outbound, names: NameServer, listens: str, others: list[str]) -> None:
    """Where one of a name's addresses does not answer, another one does, whichever family it is of."""
    names.answers["both.example"] = [[*others, listens]]
    async with receiver(host=listens) as running:
        assert (await outbound.post(running.url(host="both.example"), {}, b"{}")).address == listens


async def test_ipv6_networks_are_allowed_on_their_own(names: NameServer) -> None:
    """Whoever opens the IPv4 loopback has not opened that of IPv6."""
    names.answers["six.example"] = [[SIX]]
    narrow = Outbound(Allowed([FOUR]), seconds=5, nameservers=[names.address])
    async with receiver(host=SIX) as running:
        for host in ("[::1]", "six.example"):
            with pytest.raises(NotReached, match="TRUNKLINE_WEBHOOK_NETWORKS"):
                await narrow.post(running.url(host=host), {}, b"{}")
        assert running.connections == []
    await narrow.close()
