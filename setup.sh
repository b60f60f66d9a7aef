#!/bin/sh
# Makes the virtual environment: `setup.sh runtime` for a server, `setup.sh develop` for tests and checks too.
# Needs Python 3.11 to 3.14 with venv. Everything is installed by hash; nothing outside $VENV is touched.
set -eu
cd "$(dirname "$0")"
what=$1
VENV=${VENV:-.venv}

fail() { echo "trunkline: $1" >&2; exit 1; }

# The first interpreter that the pins are for: $PYTHON, then the versioned names.
fits='import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))'
python=
for candidate in "${PYTHON:-python3}" python3.14 python3.13 python3.12 python3.11; do
    if "$candidate" -c "$fits" >/dev/null 2>&1; then python=$candidate; break; fi
done
[ -n "$python" ] || fail "Python 3.11 to 3.14 is needed (found: $("${PYTHON:-python3}" --version 2>&1 || true)); name one with make PYTHON=/path/to/python3"
"$python" -c 'import venv, ensurepip' >/dev/null 2>&1 || fail "Python's venv module is missing; on Debian or Ubuntu: apt install python3-venv"

# An environment of another Python, a half-made one, or one that was moved (its scripts name its old place) is made anew.
place() { echo "$(pwd -P) $(readlink -f "$VENV/bin/python")"; }
if ! "$VENV/bin/python" -c "import pip; $fits" >/dev/null 2>&1 || { [ -e "$VENV/.place" ] && [ "$(cat "$VENV/.place")" != "$(place)" ]; }; then
    rm -rf "$VENV"
    "$python" -m venv "$VENV" || fail "could not make the virtual environment in $VENV"
fi
install() { "$VENV/bin/python" -m pip --disable-pip-version-check --quiet install --no-input "$@"; }
echo "trunkline: installing what is pinned in requirements/$what.txt (once; about half a minute)"
install --no-deps --require-hashes --only-binary :all: -r "requirements/$what.txt" -r requirements/embedded.txt ||
    fail "installing requirements/$what.txt failed; the lines above say why"
# The checkout itself, as a path entry and a launcher: no build step, no build tools to fetch.
site=$("$VENV/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
pwd -P | sed 's|$|/src|' >"$site/trunkline-checkout.pth"
printf '#!/bin/sh\nexec "%s/bin/python" -m trunkline "$@"\n' "$(cd "$VENV" && pwd -P)" >"$VENV/bin/trunkline"
chmod 755 "$VENV/bin/trunkline"
place >"$VENV/.place"
# So that the first start does not have to; a checkout that cannot be written to does without.
"$VENV/bin/python" -m compileall -q src >/dev/null 2>&1 || true
