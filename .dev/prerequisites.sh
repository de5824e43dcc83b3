# Tools the build stands on. What is missing is installed from Debian when we may, and named when we may not.

RUST_VERSION_MIN=1.95
NODE_MAJOR_MIN=20

require_tools() {
    step "tools: checking rust, cc, c++, python3, node, curl, openssl, cryptsetup, softhsm"
    local packages=()
    command -v cargo >/dev/null && command -v rustc >/dev/null || packages+=(rustc-web cargo-web rust-web-src)
    command -v cc >/dev/null || packages+=(gcc libc6-dev)
    # libFuzzer is C++.
    command -v c++ >/dev/null || packages+=(g++)
    command -v curl >/dev/null || packages+=(curl ca-certificates)
    # `keybroker client luks` drives it; it may lie where only root's PATH leads.
    PATH=$PATH:/usr/sbin:/sbin command -v cryptsetup >/dev/null || packages+=(cryptsetup-bin)
    command -v openssl >/dev/null || packages+=(openssl)
    command -v python3 >/dev/null || packages+=(python3)
    # Debian splits ensurepip, without which no venv has a pip, from the rest of Python.
    python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3-venv)
    command -v node >/dev/null || packages+=(nodejs)
    command -v npm >/dev/null || packages+=(npm)
    # The tests make tokens of this software HSM; nothing links it.
    command -v softhsm2-util >/dev/null && [ -e /usr/lib/softhsm/libsofthsm2.so ] || packages+=(softhsm2)
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

# The dashboards and alerts in deploy/ are tried on a real Prometheus. Debian's package is unpacked into the cache and not
# installed, because installing it starts a service; its two binaries need libc alone.
fetch_prometheus() {
    local folder=$CACHE/prometheus download
    [ -x "$folder/usr/bin/prometheus" ] && [ -x "$folder/usr/bin/promtool" ] && return
    rm -rf "$folder"
    mkdir -p "$folder/usr/bin"
    if command -v prometheus >/dev/null && command -v promtool >/dev/null; then
        ln -s "$(command -v prometheus)" "$(command -v promtool)" "$folder/usr/bin/"
        return
    fi
    command -v apt-get >/dev/null || refuse "please put prometheus and promtool into PATH and run this again"
    step "prometheus: unpacking Debian's package into $folder"
    download=$(mktemp -d)
    download_package "$download" prometheus || {
        update_package_lists
        download_package "$download" prometheus || refuse "apt-get could not download: prometheus"
    }
    dpkg -x "$download"/prometheus_*.deb "$folder"
    rm -rf "$download"
}

# download_package FOLDER PACKAGE
download_package() (
    cd "$1" && apt-get -qq -o APT::Sandbox::User=root download "$2" >/dev/null 2>&1
)

update_package_lists() {
    if [ "$(id -u)" -eq 0 ]; then
        apt-get -qq update
    elif sudo -n true 2>/dev/null; then
        sudo apt-get -qq update
    else
        refuse "Debian's package lists are missing or old, and no right to fetch them: run 'apt-get update' as root"
    fi
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
