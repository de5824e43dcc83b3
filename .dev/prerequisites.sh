# Tools the build stands on. What is missing is installed from Debian when we may, and named when we may not.

RUST_VERSION_MIN=1.95
NODE_MAJOR_MIN=20

require_tools() {
    step "tools: checking rust, cc, python3, node, curl, openssl, cryptsetup"
    local packages=()
    command -v cargo >/dev/null && command -v rustc >/dev/null || packages+=(rustc-web cargo-web rust-web-src)
    command -v cc >/dev/null || packages+=(gcc libc6-dev)
    command -v curl >/dev/null || packages+=(curl ca-certificates)
    # `keybroker client luks` drives it; it may lie where only root's PATH leads.
    PATH=$PATH:/usr/sbin:/sbin command -v cryptsetup >/dev/null || packages+=(cryptsetup-bin)
    command -v openssl >/dev/null || packages+=(openssl)
    command -v python3 >/dev/null || packages+=(python3)
    # Debian splits ensurepip, without which no venv has a pip, from the rest of Python.
    python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3-venv)
    command -v node >/dev/null || packages+=(nodejs)
    command -v npm >/dev/null || packages+=(npm)
    [ ${#packages[@]} -eq 0 ] || install_packages "missing tools" "${packages[@]}"
    require_rust_version
    require_node_version
}

require_rust_version() {
    local version
    version=$(rustc --version | cut -d' ' -f2)
    at_least "$version" $RUST_VERSION_MIN ||
        refuse "rustc is $version, needed is $RUST_VERSION_MIN or newer: run 'rustup update stable', or see https://rustup.rs"
}

require_node_version() {
    local version
    version=$(node --version)
    at_least "${version#v}" $NODE_MAJOR_MIN ||
        note "node is $version; the JavaScript client asks for $NODE_MAJOR_MIN or newer and may not run"
}

# at_least VERSION MINIMUM
at_least() {
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n1)" = "$2" ]
}

# install_packages WHY PACKAGE...
install_packages() {
    local why=$1 as_root=()
    shift
    command -v apt-get >/dev/null || refuse "$why: please install what Debian calls '$*' and run this again"
    if [ "$(id -u)" -ne 0 ]; then
        as_root=(sudo)
        # Without a terminal nobody can type a password.
        if ! command -v sudo >/dev/null || { [ ! -t 0 ] && ! sudo -n true 2>/dev/null; }; then
            refuse "$why, and no right to install: run 'apt-get install --no-install-recommends $*' as root"
        fi
    fi
    note "installing Debian packages ($why): $*"
    "${as_root[@]}" apt-get -qq update
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" >/dev/null ||
        refuse "apt-get could not install: $*"
}
