"""What `trunkline doctor` says about a server in production that would run well and be of no use."""

from pathlib import Path

from tests.serving import Server

PRODUCTION = {"TRUNKLINE_PROFILE": "production"}
WHOLE = {**PRODUCTION, "TRUNKLINE_TRUSTED_PROXIES": "10.0.0.1", "TRUNKLINE_PUBLIC_URL": "https://api.example.com"}


def test_production_without_a_way_in(tmp_path: Path) -> None:
    """In production `doctor` notes that nobody gets in without TLS, and where webhooks link to; notes are nothing wrong."""
    server = Server(tmp_path / "data", PRODUCTION)
    done = server.run("doctor")
    notes = [line for line in done.stdout.splitlines() if line.startswith("note   ")]
    assert [line.split()[1] for line in notes] == ["https", "links"]
    assert "TRUNKLINE_TRUSTED_PROXIES" in notes[0]
    assert server.url in notes[1]
    assert "TRUNKLINE_PUBLIC_URL" in notes[1]
    assert "WRONG" not in done.stdout


def test_nothing_to_note(tmp_path: Path) -> None:
    """A server in production that clients can reach, and one of profile local, get no notes."""
    for settings in (WHOLE, {}):
        lines = Server(tmp_path / "data", settings).run("doctor").stdout.splitlines()
        assert [line for line in lines if not line.startswith("ok ")] == []
