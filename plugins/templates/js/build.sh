#!/usr/bin/env bash
# Builds the plugin into @NAME@.wasm, beside this script. NODE_MODULES names a node_modules that is there already.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"

if [ -z "${NODE_MODULES:-}" ] && [ ! -d node_modules ]; then
    npm install --ignore-scripts --no-audit --no-fund --loglevel=error
fi
node build.mjs "$PWD/@NAME@.wasm"
