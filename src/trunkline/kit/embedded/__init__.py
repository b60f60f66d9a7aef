"""The embedded PostgreSQL: our own supervisor over nothing but a folder of PostgreSQL binaries.

What lies in `folder` (`$TRUNKLINE_DATA/postgres`, mode 0700): `data` (the cluster), `socket`, `log`, `password`,
`supervisor.lock`, and `binaries` when the server's user cannot reach the installed ones.
"""

from trunkline.kit.embedded.binaries import find_binaries
from trunkline.kit.embedded.logs import FULL
from trunkline.kit.embedded.supervisor import EmbeddedPostgres

__all__ = ["FULL", "EmbeddedPostgres", "find_binaries"]
