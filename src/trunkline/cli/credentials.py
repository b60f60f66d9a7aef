"""`trunkline credentials`."""

import json

import typer

from trunkline.cli.show import JsonOption, show
from trunkline.settings import load
from trunkline.supervisor.credentials import read

app = typer.Typer()


@app.command()
def credentials(as_json: JsonOption = False) -> None:
    """Show the credentials that the first start made; with --json the whole file, the sandbox's too."""
    content = read(load())
    if as_json:
        print(json.dumps(content, indent=2))
        return
    print(f"{'base_url':<16}{content['base_url']}")
    for dialect in ("console", "customer", "business", "workorders", "network"):
        if dialect in content:
            print(f"\n{dialect}")
            show(False, {f"  {name}": value for name, value in content[dialect].items() if not isinstance(value, dict)})
