# Builds crates for wasm32-unknown-unknown, which alone gives guests without any WASI import. To be sourced.
#
# Its standard library comes from the toolchain in use, from rustup, or from Debian's rustc-web, which brings the library's
# sources and lets cargo build it.

WASM_TARGET=wasm32-unknown-unknown
RUSTUP_SECONDS_MAX=45
GUEST_STACK_BYTES=32768

# Where the standard library comes from: toolchain, debian, rustup, or none as yet.
wasm_library() {
    if toolchain_has_library; then
        echo toolchain
    elif [ -x /usr/bin/rustc ] && [ -x /usr/bin/cargo ] && [ -d "$(debian_sources)" ]; then
        echo debian
    elif command -v rustup >/dev/null &&
        timeout "$RUSTUP_SECONDS_MAX" rustup --quiet target add "$WASM_TARGET" >/dev/null 2>&1 &&
        toolchain_has_library; then
        echo rustup
    else
        echo none
    fi
}

toolchain_has_library() {
    compgen -G "$(rustc --print target-libdir --target "$WASM_TARGET")/libstd-*.rlib" >/dev/null
}

debian_sources() {
    echo "$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library/std"
}

# build_wasm WAY FOLDER [ARGS]: the crate or workspace in the working directory, into FOLDER; ARGS go to cargo build.
# In a subshell: what a guest is built with must not leak into the host's builds, nor the other way round.
build_wasm() (
    way=$1
    # When one cargo starts another, these would send the guests through the host's compiler, flags and folders.
    unset CARGO RUSTC RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER RUSTFLAGS CARGO_BUILD_TARGET CARGO_BUILD_RUSTFLAGS
    export CARGO_TARGET_DIR=$2
    shift 2
    # Panic messages carry the path of the crate they are in; this one would be the home folder of who built it.
    CARGO_ENCODED_RUSTFLAGS="--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}/registry/src=registry"
    # The stack lies below all else. With the usual 1 MiB a guest's data would lie beyond what the broker keeps mapped between
    # calls, and be given back after each; a stack that is exhausted traps, however large.
    CARGO_ENCODED_RUSTFLAGS+=$'\x1f'"-Clink-arg=-zstack-size=$GUEST_STACK_BYTES"
    export CARGO_ENCODED_RUSTFLAGS
    if [ "$way" = debian ]; then
        CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$(wasm_linker)
        export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER
        # Building the standard library is a nightly feature of cargo; Debian's own packages switch it on the same way.
        RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc /usr/bin/cargo build "$@" --release --target "$WASM_TARGET" \
            -Zbuild-std=std,panic_abort
    else
        cargo build "$@" --release --target "$WASM_TARGET"
    fi
)

# Debian's rustc-web has no linker for wasm; rustup's toolchain has one, and so has Debian's lld.
wasm_linker() {
    local host linker
    host=$(rustc -vV | sed -n 's/^host: //p')
    linker=$(rustc --print sysroot)/lib/rustlib/$host/bin/rust-lld
    [ -x "$linker" ] || linker=$(command -v wasm-ld || compgen -c wasm-ld- | sort -V | tail -n1 || true)
    if [ -z "$linker" ]; then
        echo "no linker for wasm here: apt-get install -y lld-19" >&2
        return 1
    fi
    echo "$linker"
}
