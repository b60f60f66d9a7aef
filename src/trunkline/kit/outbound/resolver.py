"""Asks the name servers for the addresses of a host, and gives only those that may be reached.

The names are asked with c-ares (aiodns) and not with the C library's getaddrinfo in threads: a name whose servers do not answer
then holds no thread, so that it delays no other name however many such names there are; a question can be given up; and a test
can name the servers. Answers are kept for the time that they give themselves, at most an hour. What c-ares does not read are NSS
modules beyond files and DNS (mDNS, LDAP). Names are asked as they stand: the system's search domains are not tried, since an address
on the Internet is a full name.
"""

import asyncio
import socket
from collections.abc import Iterator, Sequence

import aiodns
import pycares
import structlog
from aiohttp.abc import AbstractResolver, ResolveResult

from trunkline.kit.outbound.addresses import SETTING, Allowed

log = structlog.get_logger(__name__)

# c-ares waits for a fifth of a second to two seconds by how fast the server is otherwise, twice as long at each further try.
FIRST_TRY_SECONDS = 2.0
TRIES = 5
LOOKUP_SECONDS = 10.0  # of the 15 that an exchange has
MOST_OF_A_FAMILY = 4  # addresses of IPv4 and of IPv6 that are tried

FLAGS = pycares.ARES_FLAG_EDNS | pycares.ARES_FLAG_NOSEARCH

FAULTS = {
    pycares.errno.ARES_ENOTFOUND: "the name {} does not exist",
    pycares.errno.ARES_ENODATA: "the name {} has no address",
    pycares.errno.ARES_ETIMEOUT: "the name servers did not answer in time for {}",
    pycares.errno.ARES_ESERVFAIL: "the name servers could not look up {}",
    pycares.errno.ARES_EREFUSED: "the name servers refused to look up {}",
    pycares.errno.ARES_ECONNREFUSED: "the name servers that are to know {} cannot be reached",
    pycares.errno.ARES_EBADNAME: "“{}” is no host name",
}


class NoAddress(OSError):  # noqa: N818 - what is known of a name, not a fault of ours
    """There is no address to connect to: the name has none, or what it has may not be reached."""

    def __init__(self, reason: str, address: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.address = address


class Resolver(AbstractResolver):
    """The addresses of names that `allowed` lets us reach, from the system's name servers or from `nameservers` ("127.0.0.1:5353")."""

    def __init__(self, allowed: Allowed, nameservers: Sequence[str] = ()) -> None:
        self._allowed = allowed
        self._channel = aiodns.DNSResolver(
            nameservers=nameservers or None,
            loop=asyncio.get_running_loop(),
            timeout=FIRST_TRY_SECONDS,
            tries=TRIES,
            flags=FLAGS,
        )

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        """Where `host` may be reached, the best first; addresses that are refused are left out. Raises `NoAddress`."""
        found = await self._ask(host, port, family)
        refused = {address: refusal for address in found if (refusal := self._allowed.refusal(address)) is not None}
        if refused and len(refused) == len(found):
            # Whoever asks for a name need not know it: what names of the provider's own network lead to is told to the operator alone.
            log.warning("outbound.refused", host=host, reasons=list(refused.values()))
            raise NoAddress(f"the name {host} leads to an address that {SETTING} does not allow")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in _few(address for address in found if address not in refused)
        ]

    async def _ask(self, host: str, port: int, family: socket.AddressFamily) -> list[str]:
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                answer = await self._channel.getaddrinfo(host, family=family, port=port, type=socket.SOCK_STREAM)
        except TimeoutError:
            raise NoAddress(FAULTS[pycares.errno.ARES_ETIMEOUT].format(host)) from None
        except aiodns.error.DNSError as error:
            words = FAULTS.get(error.args[0], "the name {} could not be looked up")
            raise NoAddress(words.format(host)) from error
        if not answer.nodes:
            raise NoAddress(FAULTS[pycares.errno.ARES_ENODATA].format(host))
        return [node.addr[0].decode("ascii") for node in answer.nodes]

    async def close(self) -> None:
        """Give up what is asked and close the sockets."""
        await self._channel.close()


def _few(addresses: Iterator[str]) -> Iterator[str]:
    """The first few of each family: a name with hundreds of addresses shall not have us knock at all of them."""
    given = {True: 0, False: 0}
    for address in addresses:
        given[":" in address] += 1
        if given[":" in address] <= MOST_OF_A_FAMILY:
            yield address
