"""What stops a process from starting, as one line and an exit code."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every `trunkline` command; `docs/operations.md` lists them."""

    FAILED = 1
    USAGE = 2
    DATABASE_UNREACHABLE = 69
    INTERNAL = 70
    CANNOT_WRITE = 73
    ALREADY_RUNNING = 75
    CONFIGURATION = 78
    ADDRESS_IN_USE = 98


class StartupError(Exception):
    """A start that cannot succeed. `str(error)` is one line that says what is wrong and what to do."""

    def __init__(self, message: str, exit_code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def reason(error: BaseException) -> str:
    """What an error says, in one line."""
    if isinstance(error, TimeoutError) and not str(error):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).strip() or repr(error)).splitlines()[0]
