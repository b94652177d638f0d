#!/bin/sh
# Prints the path of the initramfs, and makes it if there is none: Debian's static busybox for arm64 and our init.
#
# It lies in ${XDG_CACHE_HOME:-~/.cache}/umec/initrd/<key>/, where the key is the checksum of init, this file and the
# busybox; `busybox-version` beside it says which one. The same input gives the same bytes. Only the path goes to
# stdout.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
tools=$here/../tools
. "$tools/cached.sh"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/umec/initrd

# In the tool root: initrd.sh --inside <work> <busybox> <init>
inside() {
  cd "$1"
  mkdir -p tree/bin tree/dev tree/proc tree/sys tree/lower tree/upper tree/root
  install -m 755 "$2" tree/bin/busybox
  install -m 755 "$3" tree/init
  chmod -R u=rwX,go=rX tree
  find tree -exec touch -h -d @0 {} +
  (cd tree && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0 --reproducible) >initrd
  zstd -q -19 --rm initrd -o initrd.zst
  rm -rf tree
}

if [ "${1:-}" = --inside ]; then
  shift
  inside "$@"
  exit 0
fi
package=$("$here/debian-package.sh" busybox-static)
busybox=$package/root/usr/bin/busybox
key=$(cat "$here/init" "$here/initrd.sh" "$busybox" | sha256sum | cut -c 1-16)
place=$cache/$key
make() {
  "$tools/run" "$here/initrd.sh" --inside "$1" "$busybox" "$here/init" >&2
  cp "$package/version" "$1/busybox-version"
}
cached "$cache" "$place" make
printf '%s\n' "$place/initrd.zst"
