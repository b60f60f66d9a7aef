"""Calls to receivers never reach our own networks: real names from a name server on loopback, real sockets, real certificates.

127.0.0.2 stands for the Internet here (the tests allow it) and 127.0.0.1 for what must not be reached.
"""

import asyncio
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from time import monotonic

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.naming import NameServer, Receiver, answer, hang_up, name_server, receiver
from trunkline.kit.outbound.addresses import Allowed, literal_address
from trunkline.kit.outbound.client import NotReached, Outbound
from trunkline.kit.outbound.connections import EXCHANGE, Connector
from trunkline.kit.outbound.reasons import Exchange
from trunkline.kit.outbound.resolver import NoAddress, Resolver
from trunkline.kit.startup import StartupError

OUTSIDE = "127.0.0.2"
INSIDE = "127.0.0.1"
ALLOWED = Allowed([OUTSIDE])


@pytest.fixture
async def names() -> AsyncIterator[NameServer]:
    async with name_server() as server:
        yield server


@pytest.fixture
async def everywhere() -> AsyncIterator[Receiver]:
    """A receiver at every address of this machine; it ends each connection, so that each call makes a new one."""
    async with receiver(hang_up(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), host="") as running:
        yield running


@pytest.fixture
async def outbound(names: NameServer) -> AsyncIterator[Outbound]:
    calls = Outbound(ALLOWED, seconds=5, nameservers=[names.address])
    yield calls
    await calls.close()


async def refusal(outbound: Outbound, url: str) -> NotReached:
    with pytest.raises(NotReached) as caught:
        await outbound.post(url, {}, b"{}")
    return caught.value


# addresses -------------------------------------------------------------------------------------------------------------

REFUSED = (
    "0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 100.100.100.200 127.0.0.1 127.255.255.254 168.63.129.16",
    "169.254.0.1 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.1",
    "192.168.0.1 192.168.255.255 192.175.48.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255",
    "240.0.0.1 255.255.255.254 255.255.255.255",
    ":: ::1 ::2 ::7f00:1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:8.8.8.8 ::8.8.8.8 ::ffff:0:8.8.8.8",
    "64:ff9b::127.0.0.1 64:ff9b::10.1.2.3 64:ff9b::169.254.169.254 64:ff9b:1::8.8.8.8 64:ff9b:1:7f00:0:100:: 64:ff9b:2::1",
    "100::1 100:0:0:1::1 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1::1",
    "2002:808:808::1 2620:4f:8000::1 3fff::1 4000::1 5f00::1 8000::1 fc00::1 fd00:ec2::254 fd12:3456::1 fe80::1 fe80::1%lo ::1%lo",
    "febf::1 fec0::1 ff02::1 ff0e::1",
)


@pytest.mark.parametrize("address", " ".join(REFUSED).split())
def test_an_address_that_is_not_on_the_internet_is_refused(address: str) -> None:
    """Nothing but unicast on the Internet may be reached, and the refusal names the address and the setting that would allow it."""
    refused = Allowed().refusal(address)
    assert refused is not None
    assert "TRUNKLINE_WEBHOOK_NETWORKS" in refused


OPEN = (
    "1.1.1.1 8.8.8.8 100.63.255.255 100.128.0.0 172.15.0.1 172.32.0.1 192.0.1.1 198.17.0.1 198.20.0.1 223.255.255.254",
    "2001:200::1 2606:4700:4700::1111 2400:cb00::1 2a00:1450::1 3ffe::1 64:ff9b::8.8.8.8",
)


@pytest.mark.parametrize("address", " ".join(OPEN).split())
def test_an_address_on_the_internet_may_be_reached(address: str) -> None:
    """What is public is open without any setting, also just beside the refused networks."""
    assert Allowed().refusal(address) is None


@pytest.mark.parametrize(
    ("networks", "address", "open_now"),
    [
        (["10.0.0.0/8"], "10.1.2.3", True),
        (["10.0.0.0/8"], "192.168.0.1", False),
        (["192.168.1.5"], "192.168.1.5", True),
        (["192.168.1.5"], "192.168.1.6", False),
        (["fd00:1::/64"], "fd00:1::9", True),
        (["fd00:1::/64"], "fd00:2::9", False),
        (["10.0.0.0/8"], "::ffff:10.1.2.3", True),
        (["10.0.0.0/8"], "::ffff:8.8.8.8", False),
        (["::ffff:0:0/96"], "::ffff:8.8.8.8", True),
        (["10.0.0.0/8"], "64:ff9b::10.1.2.3", True),
        (["127.0.0.0/8"], "::1", False),
        (["127.0.0.1"], "127.0.0.2", False),
        (["0.0.0.0/32"], "::", False),
    ],
)
def test_only_the_allowed_network_is_opened(networks: Sequence[str], address: str, *, open_now: bool) -> None:
    """A setting opens what it names and nothing beside it."""
    assert (Allowed(networks).refusal(address) is None) is open_now


@pytest.mark.parametrize("text", ["", "example.com", "1.2.3", "1.2.3.4.5", "01.2.3.4", "127.0.0.1 ", "/etc", "::g"])
def test_what_is_no_address_is_refused(text: str) -> None:
    """Whatever cannot be read as an address is not reached either."""
    assert Allowed(["0.0.0.0/0", "::/0"]).refusal(text) is not None


SPELLINGS = {
    "127.0.0.1": (
        "127.0.0.1 127.1 127.0.1 2130706433 0x7f000001 0X7F000001 0x7f.1 0x7f.0x0.0x0.0x1 0177.0.0.1 0177.1 017700000001 127.0.0.1. "
        "00000177.0.0.1 0x7F.0.0.01 １２７.0.0.1 127。0。0。1 127．0．0．1 ①②⑦.⓪.⓪.① 127｡0｡0｡1"
    ),
    "0.0.0.0": "0 0.0 0x 0x0 00 0.0.0.0 0.0.0.0.",  # noqa: S104 - nothing listens there
    "169.254.169.254": "169.254.169.254 0xa9fea9fe 2852039166 0251.0376.0251.0376 169.254.43518 169.16689662",
    "255.255.255.255": "4294967295 0xffffffff 255.255.65535",
    "::1": "::1 [::1] [0:0:0:0:0:0:0:1] [::1%25lo] [::1%lo] [::0001]",
    "::ffff:7f00:1": "[::ffff:127.0.0.1] ::ffff:127.0.0.1 [::FFFF:7F00:0001] [0:0:0:0:0:ffff:127.0.0.1]",
}


@pytest.mark.parametrize(("address", "spelling"), [(a, spelling) for a, text in SPELLINGS.items() for spelling in text.split()])
def test_a_host_that_spells_an_address_is_read_as_one(address: str, spelling: str) -> None:
    """However an address is written, it is judged as what a socket would be given."""
    found = literal_address(spelling)
    assert found is not None
    assert found.replace("::ffff:127.0.0.1", "::ffff:7f00:1") == address  # Python 3.13 writes it with dots
    assert Allowed().refusal(found) is not None


@pytest.mark.parametrize(
    "name",
    [
        "example.com",
        "256.1.1.1",
        "1.2.3.4.5",
        "4294967296",
        "08.1",
        "1..2",
        "0xg",
        "ffff",
        "127.0.0.1.example.com",
        "-1",
        "1e3",
        "[::g]",
        "[",
    ],
)
def test_a_name_is_no_address(name: str) -> None:
    """A name of letters, or a number out of range, is not taken for an address."""
    assert literal_address(name) is None


# what a URL leads to ---------------------------------------------------------------------------------------------------


SPELT = (
    "127.0.0.1 127.1 0x7f.1 0177.0.0.1 2130706433 127.0.0.1. １２７.0.0.1 127。0。0。1 0 0.0.0.0 [::1] [::] [::1%25lo] [::127.0.0.1]",
    "[::ffff:127.0.0.1] [::ffff:7f00:1] [64:ff9b::127.0.0.1] [fe80::1] localhost LOCALHOST localhost. anything.localhost",
)


@pytest.mark.parametrize("host", " ".join(SPELT).split())
async def test_no_spelling_of_this_machine_is_called(host: str, everywhere: Receiver, outbound: Outbound) -> None:
    """A URL that spells an address of this machine, or a name that the system knows as it, is refused without a connection."""
    refused = await refusal(outbound, everywhere.url(host=host))
    assert "TRUNKLINE_WEBHOOK_NETWORKS" in refused.reason
    if literal_address(host) is not None:
        assert refused.address is not None
        assert Allowed().refusal(refused.address) is not None
    assert refused.duration_ms < 4000
    assert everywhere.connections == []


async def test_answers_that_flip_reach_only_what_is_allowed(
    names: NameServer, everywhere: Receiver, outbound: Outbound
) -> None:
    """A name that leads outside at one look-up and inside at the next never brings a request inside."""
    chance = Random(3)
    names.answers["rebind.example"] = [[chance.choice((OUTSIDE, INSIDE))] for _ in range(400)]
    reached: list[str | None] = []
    reasons: set[str] = set()
    for _ in range(100):
        try:
            reached.append((await outbound.post(everywhere.url(host="rebind.example"), {}, b"{}")).address)
        except NotReached as refused:
            reached.append(None)
            reasons.add(refused.reason)
    assert set(reached) == {OUTSIDE, None}, "both answers were met"
    assert reasons == {"the name rebind.example leads to an address that TRUNKLINE_WEBHOOK_NETWORKS does not allow"}
    assert set(everywhere.connections) == {OUTSIDE}
    assert len(everywhere.requests) == reached.count(OUTSIDE)


async def test_of_several_addresses_only_the_allowed_are_tried(
    names: NameServer, everywhere: Receiver, outbound: Outbound
) -> None:
    """Where a name has inner and outer addresses, the outer ones are used, in whatever order they come."""
    mixed = [INSIDE, "::1", OUTSIDE, "10.0.0.1", "127.0.0.3", "::ffff:127.0.0.1"]
    for turn in range(len(mixed)):
        names.answers[f"mixed-{turn}.example"] = [mixed[turn:] + mixed[:turn]]
        reply = await outbound.post(everywhere.url(host=f"mixed-{turn}.example"), {}, b"{}")
        assert (reply.status, reply.address) == (200, OUTSIDE)
    assert set(everywhere.connections) == {OUTSIDE}


@pytest.mark.parametrize(
    "address",
    ["::ffff:127.0.0.1", "::ffff:127.0.0.3", "::1", "64:ff9b::7f00:1", "::7f00:1", "2002:7f00:1::", "fe80::1", "0.0.0.0", "::"],  # noqa: S104 - nothing listens there
)
async def test_a_name_cannot_hide_an_inner_address(
    address: str, names: NameServer, everywhere: Receiver, outbound: Outbound
) -> None:
    """A name whose one address is an inner one in disguise is refused with a reason that names the name, and not where it leads."""
    names.answers["disguise.example"] = [[address]]
    refused = await refusal(outbound, everywhere.url(host="disguise.example"))
    assert "TRUNKLINE_WEBHOOK_NETWORKS" in refused.reason
    assert "disguise.example" in refused.reason
    assert (address in refused.reason, refused.address) == (False, None)
    assert everywhere.connections == []


async def test_the_resolver_leaves_refused_addresses_out(names: NameServer) -> None:
    """What a name leads to is judged before anything is connected, and at most four addresses of a family are tried."""
    names.answers["mixed.example"] = [[INSIDE, "::1", OUTSIDE]]
    names.answers["many.example"] = [[f"127.0.0.{number}" for number in range(1, 40)]]
    resolver = Resolver(ALLOWED, [names.address])
    assert [found["host"] for found in await resolver.resolve("mixed.example", 80)] == [OUTSIDE]
    await resolver.close()
    resolver = Resolver(Allowed(["127.0.0.0/8"]), [names.address])
    assert len(await resolver.resolve("many.example", 80)) == 4
    await resolver.close()


class Lying(AbstractResolver):
    """A resolver that leads inside: what a fault in ours would be."""

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host=INSIDE, port=port, family=2, proto=0, flags=0)]

    async def close(self) -> None:
        pass


async def test_no_socket_is_made_for_an_inner_address(everywhere: Receiver) -> None:
    """Even when a resolver gives an inner address, the socket for it is refused."""
    EXCHANGE.set(Exchange())
    async with aiohttp.ClientSession(connector=Connector(ALLOWED, Lying())) as session:
        with pytest.raises(aiohttp.ClientConnectorError) as caught:
            await session.post(everywhere.url(host="lie.example"))
    assert isinstance(caught.value.__cause__, NoAddress)
    assert everywhere.connections == []


class Closing(Allowed):
    """What an operator allows until a network is closed again."""

    closed = False

    def refusal(self, address: str) -> str | None:
        return f"{address} is closed" if self.closed else super().refusal(address)


async def test_a_kept_connection_is_judged_before_each_request() -> None:
    """A connection of the pool is used only while its other end may be reached."""
    allowed = Closing([INSIDE])
    calls = Outbound(Allowed([INSIDE]), seconds=5)
    EXCHANGE.set(Exchange())
    async with receiver() as inner, aiohttp.ClientSession(connector=Connector(allowed, Lying())) as session:
        async with session.post(inner.url()) as response:
            assert response.status == 200
        allowed.closed = True
        with pytest.raises(aiohttp.ClientOSError, match="is closed"):
            await session.post(inner.url())
        assert len(inner.requests) == 1
    await calls.close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(status: int, names: NameServer, everywhere: Receiver) -> None:
    """A redirect is an answer like another; where it points to is not called, be it inside or outside."""
    names.answers["hop.example"] = [[OUTSIDE]]
    stolen = everywhere.url("/stolen", host=OUTSIDE)
    head = f"HTTP/1.1 {status} Moved\r\nLocation: {stolen}\r\nRefresh: 0; url={stolen}\r\nContent-Length: 0\r\n\r\n"
    calls = Outbound(ALLOWED, seconds=5, nameservers=[names.address])
    async with receiver(answer(head.encode()), host=OUTSIDE) as hop:
        reply = await calls.post(hop.url(host="hop.example"), {}, b"{}")
        assert reply.status == status
        assert reply.headers["location"] == stolen
        assert len(hop.requests) == 1
    assert everywhere.connections == []
    await calls.close()


async def test_the_environment_leads_no_request_astray(
    everywhere: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Proxies and passwords of the environment are not used."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, everywhere.url(host=INSIDE))
    passwords = tmp_path / "netrc"
    passwords.write_text(f"machine {OUTSIDE} login me password secret\ndefault login me password secret\n")
    passwords.chmod(0o600)
    monkeypatch.setenv("NETRC", str(passwords))
    calls = Outbound(ALLOWED, seconds=5)
    async with receiver(host=OUTSIDE) as outer:
        await calls.post(outer.url(host=OUTSIDE), {}, b"{}")
        assert "authorization" not in outer.requests[0].headers
    assert everywhere.connections == []
    await calls.close()


async def test_cookies_are_not_kept(names: NameServer, outbound: Outbound) -> None:
    """What a receiver sets as a cookie does not come back to it."""
    names.answers["cookies.example"] = [[OUTSIDE]]
    async with receiver(
        answer(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 0\r\n\r\n"), host=OUTSIDE
    ) as outer:
        for _ in range(2):
            await outbound.post(outer.url(host="cookies.example"), {}, b"{}")
        assert [request.headers.get("cookie") for request in outer.requests] == [None, None]


NOT_CALLED = (
    "ftp://127.0.0.2/ file:///etc/passwd gopher://127.0.0.2/ //127.0.0.2/ 127.0.0.2 http:// http:///x http://[::1/ unix:/var/run/x.sock",
    "http://me:secret@127.0.0.2/ http://127.0.0.2@127.0.0.1/ http://x\\@127.0.0.1/ http://127.0.0.1%2f@x/ http://a%00b/ http://x..y/",
    "http://127.0.0.2:0/ http://127.0.0.2:65536/ http://127.0.0.2:x/ http://256.1.1.1/ http://1.2.3.4.5/ http://example.0x7f/",
    "http://xn--/ http://-x.example/ http://" + "a" * 64 + ".example/",
    "http://[::1].example/ http://[::1]example:80/ http://example[::1]/ http://[::1][::1]/ http://[::1]]/ http://[]/",
)


@pytest.mark.parametrize("url", [*" ".join(NOT_CALLED).split(), "", "http://a b/"])
async def test_what_is_no_url_to_call_is_refused(url: str, names: NameServer, outbound: Outbound) -> None:
    """A URL that other programs read in different ways is not called at all; nobody is asked for its host."""
    refused = await refusal(outbound, url)
    assert refused.address is None
    assert names.asked == []


async def test_plain_http_is_refused_where_https_is_required() -> None:
    """With `https_only` nothing goes out unencrypted, although the endpoint was made before."""
    calls = Outbound(ALLOWED, https_only=True)
    async with receiver(host=OUTSIDE) as outer:
        assert "https://" in (await refusal(calls, outer.url(host=OUTSIDE))).reason
        assert outer.connections == []
    await calls.close()


# names -----------------------------------------------------------------------------------------------------------------


async def test_a_slow_name_delays_no_other(names: NameServer) -> None:
    """While many look-ups wait for servers that do not answer, another name is found and called at once."""
    slow = [f"slow-{number}.example" for number in range(150)]
    names.silent.update(slow)
    names.answers["quick.example"] = [[OUTSIDE]]
    calls = Outbound(ALLOWED, seconds=6, nameservers=[names.address])
    async with receiver(host=OUTSIDE) as outer:
        waiting = [asyncio.create_task(refusal(calls, outer.url(host=name))) for name in slow]
        await asyncio.sleep(0.5)
        began = monotonic()
        assert (await calls.post(outer.url(host="quick.example"), {}, b"{}")).status == 200
        assert monotonic() - began < 2.5
        reasons = {
            refused.reason.replace(name, "NAME") for refused, name in zip(await asyncio.gather(*waiting), slow, strict=True)
        }
    assert reasons <= {"the address of NAME was not found within 6 seconds", "the name servers did not answer in time for NAME"}
    await calls.close()


async def test_a_name_that_is_not_there_is_said_so(names: NameServer, outbound: Outbound) -> None:
    """A name that does not exist and one without addresses each have their reason."""
    names.answers["empty.example"] = [[]]
    assert (await refusal(outbound, "http://missing.example/")).reason == "the name missing.example does not exist"
    assert (await refusal(outbound, "http://empty.example/")).reason == "the name empty.example has no address"


async def test_names_are_asked_in_full(names: NameServer, everywhere: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is asked as it stands, in its ASCII form and without search domains, and called by that form."""
    monkeypatch.setenv("LOCALDOMAIN", "corp.example")  # as a line "search" in resolv.conf would
    names.answers["xn--bcher-kva.example"] = names.answers["single"] = [[OUTSIDE]]
    calls = Outbound(ALLOWED, seconds=5, nameservers=[names.address])
    for host in ("BÜCHER.Example", "bücher.example.", "single"):
        await calls.post(everywhere.url(host=host), {}, b"{}")
    await refusal(calls, everywhere.url(host="payroll"))
    assert {name for name, _ in names.asked} == {"xn--bcher-kva.example", "single", "payroll"}
    assert [request.headers["host"].partition(":")[0] for request in everywhere.requests] == ["xn--bcher-kva.example"] * 2 + [
        "single"
    ]
    await calls.close()


# certificates ----------------------------------------------------------------------------------------------------------


class Authority:
    """A certificate authority of the test's own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A test's authority")])
        certificate = self._built(self._name, self._key.public_key(), days=30).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        certificate = certificate.add_extension(
            x509.KeyUsage(True, False, False, False, False, True, True, False, False),
            critical=True,
        )
        self.file = folder / "authority.pem"
        self.file.write_bytes(certificate.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def _built(self, name: x509.Name, key: ec.EllipticCurvePublicKey, days: int) -> x509.CertificateBuilder:
        end = datetime.now(UTC) + timedelta(days=days)
        return (
            x509.CertificateBuilder(self._name, name, key, x509.random_serial_number(), end - timedelta(days=60), end)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )

    def server(self, host: str, days: int = 30) -> ssl.SSLContext:
        """TLS of a receiver called `host`, with a certificate that ends in so many days."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        certificate = self._built(name, key.public_key(), days).add_extension(
            x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False
        )
        file = self._folder / f"{host}-{days}.pem"
        file.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            + certificate.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(file)
        return context


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.mark.parametrize(
    ("host", "days", "own", "reason"),
    [
        ("hooks.example", 30, True, None),
        ("hooks.example", 30, False, "TLS: unable to get local issuer certificate"),
        ("hooks.example", -1, True, "TLS: certificate has expired"),
        ("other.example", 30, True, "TLS: Hostname mismatch, certificate is not valid for 'hooks.example'."),
        ("*.hooks.example", 30, True, "TLS: Hostname mismatch, certificate is not valid for 'hooks.example'."),
    ],
)
async def test_a_certificate_must_be_right(
    host: str,
    days: int,
    own: bool,
    reason: str | None,
    names: NameServer,
    authority: Authority,
) -> None:
    """HTTPS goes only to who has a valid certificate in the name that was asked for; the operator's own authority counts."""
    names.answers["hooks.example"] = [[OUTSIDE]]
    calls = Outbound(ALLOWED, ca_file=authority.file if own else None, seconds=5, https_only=True, nameservers=[names.address])
    async with receiver(host=OUTSIDE, tls=authority.server(host, days)) as outer:
        url = outer.url("/x", host="hooks.example", scheme="https")
        if reason is None:
            reply = await calls.post(url, {}, b"{}")
            assert (reply.status, reply.body, reply.address) == (200, b"ok", OUTSIDE)
        else:
            assert (await refusal(calls, url)).reason == reason
            assert outer.requests == [], "nothing is sent before the certificate is checked"
    await calls.close()


async def test_a_receiver_without_tls_is_said_so(names: NameServer) -> None:
    """An https address where plain HTTP answers, or nothing speaks, ends with a reason that names TLS."""
    names.answers["hooks.example"] = [[OUTSIDE]]
    calls = Outbound(ALLOWED, seconds=1, nameservers=[names.address])

    async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    for speaking, word in ((plain, "TLS: "), (mute, "with TLS within 1 seconds")):
        server = await asyncio.start_server(speaking, OUTSIDE, 0)
        refused = await refusal(calls, f"https://hooks.example:{server.sockets[0].getsockname()[1]}/")
        server.close()
        assert word in refused.reason
    await calls.close()


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_file_of_authorities_that_cannot_be_read_stops_the_start(content: bytes | None, tmp_path: Path) -> None:
    """A wrong TRUNKLINE_WEBHOOK_CA is one line that names it, not a worker that trusts nobody."""
    file = tmp_path / "own.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(StartupError, match=r"TRUNKLINE_WEBHOOK_CA=.*own\.pem: ") as caught:
        Outbound(Allowed(), ca_file=file)
    assert caught.value.exit_code == 78


def test_a_system_without_authorities_uses_those_of_certifi(tmp_path: Path) -> None:
    """A bare system without ca-certificates can still call the Internet; one that has authorities keeps to them."""
    code = "from trunkline.kit.outbound.trust import tls_context; print(tls_context().cert_store_stats()['x509_ca'])"
    bare = {"SSL_CERT_FILE": str(tmp_path / "none.pem"), "SSL_CERT_DIR": str(tmp_path)}
    counted = [
        int(subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True).stdout)
        for environment in (bare, bare | {"SSL_CERT_FILE": str(Authority(tmp_path).file)})
    ]
    assert counted[0] > 50
    assert counted[1] == 1
