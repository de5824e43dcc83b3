# Builds plugins/ into components, in $CACHE/guests. Cargo decides what has changed.
#
# The target wasm32-unknown-unknown, for it alone gives guests without any WASI import. Its standard library comes from
# the toolchain in use, from rustup, or from Debian's rustc-web, which brings the library's sources and lets cargo build
# it. The same toolchain gives the same bytes, wherever the clone lies.

. plugins/wasm.sh # how; the kit of an author of plugins has it too

GUESTS=(software derive double transit keyvault faulty faulty-import faulty-reach faulty-reveal)

build_guests() {
    local way guest
    way=$(wasm_library)
    if [ "$way" = none ]; then
        install_packages "no standard library for $WASM_TARGET here, and rustup cannot fetch it" \
            rustc-web cargo-web rust-web-src lld-19
        way=debian
    fi
    step "guests: building ${GUESTS[*]} (wasm32, $(describe_way "$way"))"
    (cd plugins && build_wasm "$way" "$CACHE/guests-target" --locked)
    cargo build --target-dir "$CACHE/componentize-target" --manifest-path plugins/componentize/Cargo.toml --quiet --locked
    mkdir -p "$CACHE/guests"
    for guest in "${GUESTS[@]}"; do
        RUST_BACKTRACE=0 "$CACHE/componentize-target/debug/componentize" \
            "$CACHE/guests-target/$WASM_TARGET/release/${guest//-/_}.wasm" "$CACHE/guests/$guest.wasm"
    done
    build_example js
    build_example python
    build_fetch
}

# build_example LANG: what `keybroker plugin new example-LANG --lang LANG` begins, built as its own README says; made again
# only when something that it is made of changes, for it takes packages of 100 MB and a minute.
build_example() {
    local name=example-$1 folder=$CACHE/example-$1 template=plugins/templates/$1 sources
    sources=$(find "$template" plugins/templates/world.wit wit/0.1.0 -type f | sort | xargs cat | sha256sum | cut -d' ' -f1)
    [ -e "$CACHE/guests/$name.wasm" ] && [ "$(cat "$folder/made-from.sha256" 2>/dev/null)" = "$sources" ] && return
    step "guests: building $name"
    mkdir -p "$folder/wit/deps/keybroker"
    cp -r "$template/." "$folder"
    cp plugins/templates/world.wit "$folder/wit/"
    cp wit/0.1.0/*.wit "$folder/wit/deps/keybroker/"
    (cd "$folder" && find . -path ./node_modules -prune -o -path ./.venv -prune -o -type f -print | xargs sed -i "s/@NAME@/$name/g")
    env -u NODE_MODULES -u COMPONENTIZE_PY bash "$folder/build.sh"
    mv "$folder/$name.wasm" "$CACHE/guests/$name.wasm"
    echo "$sources" >"$folder/made-from.sha256"
}

# A JavaScript backend that uses fetch(): with the packages of the example, and with the one feature that it leaves out.
build_fetch() {
    local folder=$CACHE/fetch-js sources
    sources=$(cat "$CACHE/example-js/made-from.sha256" plugins/fetch/* | sha256sum | cut -d' ' -f1)
    [ -e "$CACHE/guests/fetch-js.wasm" ] && [ "$(cat "$folder/made-from.sha256" 2>/dev/null)" = "$sources" ] && return
    step "guests: building fetch-js"
    rm -rf "$folder"
    mkdir -p "$folder/src" "$folder/wit/deps/keybroker"
    cp plugins/fetch/backend.js "$folder/src/"
    cp plugins/fetch/world.wit "$folder/wit/"
    cp wit/0.1.0/*.wit "$folder/wit/deps/keybroker/"
    sed "s/'http', //" plugins/templates/js/build.mjs >"$folder/build.mjs"
    (cd "$folder" && NODE_MODULES=$CACHE/example-js/node_modules node build.mjs "$folder/fetch-js.wasm")
    mv "$folder/fetch-js.wasm" "$CACHE/guests/fetch-js.wasm"
    echo "$sources" >"$folder/made-from.sha256"
}

describe_way() {
    case $1 in
        toolchain) echo "the toolchain's own standard library" ;;
        rustup) echo "standard library fetched by rustup" ;;
        debian) echo "Debian's rustc-web" ;;
    esac
}
