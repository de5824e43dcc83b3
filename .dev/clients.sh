# Other people's clients: in the cache, made anew when the file that pins them changes.

install_python_clients() {
    local pins=tests/clients/python/requirements.txt
    up_to_date "$CACHE/python" "$pins" && [ -d "$CACHE/python/samples" ] && return
    step "python: installing $(grep -c == $pins) pinned packages into $CACHE/python"
    rm -rf "$CACHE/python"
    python3 -m venv "$CACHE/python"
    "$CACHE/python/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$pins"
    "$CACHE/python/bin/pip" check --quiet --disable-pip-version-check
    fetch_python_samples "$(sed -n 's/ *#.*//; /^azure-keyvault-keys==/p' "$pins")"
    mark "$CACHE/python" "$pins"
}

# fetch_python_samples PACKAGE==VERSION: the samples that its authors ship in its source archive, and its README.
fetch_python_samples() {
    local archive
    archive=$(mktemp -d)
    "$CACHE/python/bin/pip" download --quiet --disable-pip-version-check --no-deps --no-binary :all: \
        --dest "$archive" "$1"
    mkdir -p "$archive/samples"
    tar -xzf "$archive"/*.tar.gz -C "$archive/samples" --strip-components=1 --wildcards '*/samples/*.py' '*/README.md'
    mv "$archive/samples" "$CACHE/python/samples"
    rm -rf "$archive"
}

# OpenAPI-driven fuzzing, apart from the clients: what it stands on would meet theirs.
install_schemathesis() {
    local pins=tests/clients/schemathesis/requirements.txt
    up_to_date "$CACHE/schemathesis" "$pins" && return
    step "schemathesis: installing $(grep -c == $pins) pinned packages into $CACHE/schemathesis"
    rm -rf "$CACHE/schemathesis"
    python3 -m venv "$CACHE/schemathesis"
    "$CACHE/schemathesis/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$pins"
    "$CACHE/schemathesis/bin/pip" check --quiet --disable-pip-version-check
    mark "$CACHE/schemathesis" "$pins"
}

install_js_clients() {
    local pins=tests/clients/js/package-lock.json
    if ! up_to_date "$CACHE/js" "$pins"; then
        step "js: installing $(grep -c '"integrity"' $pins) pinned packages into $CACHE/js"
        rm -rf "$CACHE/js"
        mkdir -p "$CACHE/js"
        cp tests/clients/js/package.json "$pins" "$CACHE/js/"
        npm ci --prefix "$CACHE/js" --ignore-scripts --no-audit --no-fund --loglevel=error
        mark "$CACHE/js" "$pins"
    fi
    # Node looks for packages above the script that asks; the link brings it to the cache.
    ln -sfn "$CACHE/js/node_modules" tests/clients/js/node_modules
}

# up_to_date FOLDER PINS: was the folder made from exactly this file?
up_to_date() {
    [ "$(cat "$1/made-from.sha256" 2>/dev/null)" = "$(digest "$2")" ]
}

mark() {
    digest "$2" >"$1/made-from.sha256"
}

digest() {
    sha256sum <"$1" | cut -d' ' -f1
}
