#!/usr/bin/env bash
# Builds the plugin into @NAME@.wasm, beside this script. COMPONENTIZE_PY names a componentize-py that is there already.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"

if [ -z "${COMPONENTIZE_PY:-}" ]; then
    [ -d .venv ] || python3 -m venv .venv
    .venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
    COMPONENTIZE_PY=.venv/bin/componentize-py
fi
# Stubs for WASI: no broker grants any of it.
"$COMPONENTIZE_PY" -d wit -w plugin componentize --stub-wasi backend -o @NAME@.wasm
