"""Who sent a request, and over what, when it came through proxies."""

import pytest

from trunkline.kit.http.pipeline import Pipeline, Policy
from trunkline.kit.http.table import Table
from trunkline.kit.telemetry import AccessLog


async def nobody(*_: object) -> None:
    """What answers where no operation does; no request comes so far."""


PIPELINE = Pipeline(
    Table([]), {}, nobody, Policy(https_only=True, trusted_proxies=("10.0.0.0/8", "2001:db8::/32")), AccessLog(enabled=False)
)

CASES = [
    # from, X-Forwarded-For, X-Forwarded-Proto; address and scheme that count
    ("10.0.0.1", ["203.0.113.9"], ["https"], "203.0.113.9", "https"),
    ("::ffff:10.0.0.1", ["203.0.113.9"], ["https"], "203.0.113.9", "https"),
    ("2001:db8::1", ["203.0.113.9"], ["HTTPS "], "203.0.113.9", "https"),
    ("203.0.113.9", ["198.51.100.1"], ["https"], "203.0.113.9", "http"),
    ("::ffff:203.0.113.9", ["198.51.100.1"], ["https"], "::ffff:203.0.113.9", "http"),
    ("10.0.0.1", ["198.51.100.1, 203.0.113.9, 10.9.9.9"], ["http, https"], "203.0.113.9", "https"),
    ("10.0.0.1", ["198.51.100.1", "203.0.113.9"], ["https", "http"], "203.0.113.9", "http"),
    ("10.0.0.1", ["198.51.100.1, 203.0.113.9", "10.9.9.9"], ["https"], "203.0.113.9", "https"),
    ("10.0.0.1", [], [], "10.0.0.1", "http"),
    ("nonsense", ["198.51.100.1"], ["https"], "nonsense", "http"),
]


@pytest.mark.parametrize(("peer", "hops", "schemes", "address", "scheme"), CASES)
def test_only_proxies_are_believed(peer: str, hops: list[str], schemes: list[str], address: str, scheme: str) -> None:
    """The address that counts is the last one that no trusted proxy has, on however many lines the proxies wrote them."""
    headers = [(b"host", b"x")]
    headers += [(b"x-forwarded-for", hop.encode()) for hop in hops]
    headers += [(b"x-forwarded-proto", one.encode()) for one in schemes]
    request = PIPELINE._request(
        {
            "type": "http", "http_version": "1.1", "method": "GET", "path": "/", "query_string": b"", "headers": headers,
            "scheme": "http", "client": (peer, 1), "server": ("x", 80),
        }
    )  # fmt: skip
    assert (request.client_address, request.scheme) == (address, scheme)
