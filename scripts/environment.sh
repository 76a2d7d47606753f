# Sourced by the other scripts: a virtual environment in .venv with this project and the extras asked for.
#
#   . scripts/environment.sh; prepare test,dev
#
# Needs a Python from 3.11 on; PYTHON names one if the usual names do not. Does nothing when all is installed.

cd "$(dirname "$0")/.." || exit 1

find_python() {
    for name in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 python; do
        if [ -n "$name" ] && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    echo "error: no Python of version 3.11 or later was found; install one or set PYTHON to its path" >&2
    exit 1
}

prepare() {
    extras=$1
    if [ ! -x .venv/bin/python ]; then
        python=$(find_python) || exit 1
        echo "making .venv with $("$python" --version)" >&2
        "$python" -m venv .venv || exit 1
    fi
    # A stamp per set of extras holds the checksum of pyproject.toml: pip runs only when that has changed.
    stamp=.venv/installed-${extras:-nothing-more}
    wanted=$(cksum < pyproject.toml)
    if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
        echo "installing discover and what it needs into .venv" >&2
        .venv/bin/python -m pip install --quiet --disable-pip-version-check -e ".${extras:+[$extras]}" >&2 || exit 1
        echo "$wanted" > "$stamp"
    fi
}
