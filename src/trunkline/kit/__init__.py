"""The kit: what every domain and dialect stands on. It knows neither customers nor invoices."""

import sys


def _load_structlog() -> None:
    """Load structlog without its console output.

    It would load rich for it when it finds it, and with that a tenth of a second of every process's start; our logs are JSON.
    """
    missing = "rich" not in sys.modules
    if missing:
        sys.modules["rich"] = None  # type: ignore[assignment] # how Python says that a module cannot be imported
    try:
        import structlog  # noqa: F401, PLC0415
    finally:
        if missing:
            del sys.modules["rich"]


_load_structlog()
