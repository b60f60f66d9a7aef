"""Settings that are fine by themselves and not together."""

from pathlib import Path

import pytest

from trunkline.kit.startup import ExitCode, StartupError
from trunkline.settings import load

PRODUCTION = "postgresql://trunkline:hush@db.example/trunkline?sslmode=require"


def loaded(**settings: str) -> None:
    load({f"TRUNKLINE_{name}": value for name, value in settings.items()}, Path("/nowhere/.env"))


def test_one_database_for_both_environments() -> None:
    """The same database for both environments is refused before anything is written there, whoever logs in and how."""
    for sandbox in (PRODUCTION, "postgresql://other:hush@db.example/trunkline"):
        with pytest.raises(StartupError, match="SANDBOX_DATABASE_URL is the same database") as raised:
            loaded(DATABASE_URL=PRODUCTION, SANDBOX_DATABASE_URL=sandbox)
        assert raised.value.exit_code is ExitCode.CONFIGURATION
        assert "hush" not in str(raised.value)
    loaded(DATABASE_URL=PRODUCTION, SANDBOX_DATABASE_URL="postgresql://trunkline:hush@db.example/sandbox")
    loaded(DATABASE_URL=PRODUCTION)
