"""The `trunkline` command."""

import signal
import sys


def run() -> None:
    """Check what the rest is written for, then run the command."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until `main` can end in order, there is nothing to end
    if sys.version_info < (3, 11):  # noqa: UP036 - whoever calls us with an older one shall read why
        sys.stderr.write("trunkline: Python 3.11 or newer is needed, this is %s\n" % sys.version.split()[0])  # noqa: UP031
        sys.exit(78)
    from trunkline.cli import main  # noqa: PLC0415 - only after the check above

    main()


if __name__ == "__main__":
    run()
