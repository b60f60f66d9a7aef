"""Fixtures: a server that runs, and data folders whose server does not."""

from tests.faults.conftest import prepared

__all__ = ["prepared"]
