"""`make node` fetches the clients; without them nothing here is collected."""

import shutil
from pathlib import Path

NODE = shutil.which("node")
collect_ignore_glob = [] if NODE and (Path(__file__).parent / "node_modules").is_dir() else ["test_*.py"]
