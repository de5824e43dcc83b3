#!/usr/bin/env bash
# context.sh KEYBROKER PLUGIN FOLDER: what the image is built of: the program without its symbols, the libraries that it is linked
# with, one plugin, a user without a shell, and the Containerfile. The folder must not be there yet.
set -euo pipefail

[ $# -eq 3 ] || {
    echo "usage: context.sh KEYBROKER PLUGIN FOLDER" >&2
    exit 2
}
keybroker=$1 plugin=$2 folder=$3
mkdir "$folder"
root=$folder/rootfs
install -D -m 0755 "$keybroker" "$root/usr/bin/keybroker"
strip "$root/usr/bin/keybroker"
install -D -m 0644 "$plugin" "$root/usr/share/keybroker/$(basename "$plugin")"

# The loader among them: `=> /path (address)`, or `/path (address)` alone.
ldd "$keybroker" | grep -oE '/[^ ]+' | sort -u | while read -r library; do
    install -D -m 0755 "$library" "$root$library"
done

mkdir -p "$root/etc" "$root/tmp" "$root/var/lib/keybroker/audit"
echo 'keybroker:x:65532:65532:keybroker:/var/lib/keybroker:/nonexistent' >"$root/etc/passwd"
echo 'keybroker:x:65532:' >"$root/etc/group"
cp "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/Containerfile" "$folder/Containerfile"
