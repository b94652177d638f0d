#!/bin/sh
# Makes the initramfs of image/boot/init from the target's tree: initrd.sh <tree> <initrd.zst>
#
# Beside busybox are the libraries that it is linked with, as the target's busybox is not static: for that Buildroot
# would have to build static libraries, and then it builds programs without PIE and RELRO. The same input gives the
# same bytes. readelf comes from the toolchain in HOST_DIR, or from READELF.
set -eu

[ $# = 2 ] || {
  echo 'usage: image/buildroot/board/initrd.sh <tree> <initrd.zst>' >&2
  exit 2
}
tree=$1
out=$2
init=$(cd "$(dirname "$0")/../../boot" && pwd)/init
readelf=${READELF:-$(find "${HOST_DIR:?is set by Buildroot}/bin" -name 'aarch64-*-linux-gnu-readelf' | head -n 1)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# needed <ELF file>: the libraries and the loader that it names, one a line, without folders
needed() {
  "$readelf" -l -d "$1" |
    sed -n -e 's/.*Shared library: \[\(.*\)\]/\1/p' -e 's/.*program interpreter: .*\/\(.*\)\]/\1/p'
}

# take <ELF file>: its libraries and theirs into lib/
take() {
  for library in $(needed "$1"); do
    [ ! -e "$work/root/lib/$library" ] || continue
    found=
    for folder in lib usr/lib lib64; do
      [ -n "$found" ] || [ ! -e "$tree/$folder/$library" ] || found=$tree/$folder/$library
    done
    [ -n "$found" ] || {
      echo "initrd.sh: $1 needs $library, and $tree has no such library" >&2
      exit 1
    }
    install -m 755 "$found" "$work/root/lib/$library"
    take "$found"
  done
}

for folder in bin lib dev proc sys lower upper root; do
  mkdir -p "$work/root/$folder"
done
install -m 755 "$tree/bin/busybox" "$work/root/bin/busybox"
install -m 755 "$init" "$work/root/init"
take "$work/root/bin/busybox"
chmod -R u=rwX,go=rX "$work/root"
find "$work/root" -exec touch -h -d @0 {} +
(cd "$work/root" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0 --reproducible) >"$work/initrd"
zstd -q -19 -f "$work/initrd" -o "$out"
