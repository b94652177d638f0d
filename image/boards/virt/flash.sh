#!/bin/sh
# Prints the path of a flash image for QEMU's virt (-drive if=pflash,unit=1,format=raw,readonly=on,file=…): it holds
# the environment of Debian's U-Boot for it, flash.env.
#
# Without it U-Boot waits 2 s for a key and looks at USB and EFI first; with it the boot script runs 0.2 s after the
# start, no noise on the console can stop it, and what is not bootable ends in a reset. It lies in
# ${XDG_CACHE_HOME:-~/.cache}/umec/virt-flash/<key>/, is never written to, and as many machines as want may share it.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../tools/cached.sh"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/umec/virt-flash
key=$(cat "$here/flash.env" "$here/flash.sh" | sha256sum | cut -c 1-16)
place=$cache/$key
make() {
  # U-Boot's CONFIG_ENV_SIZE for this board; QEMU wants the size of the whole chip.
  "$here/../../tools/run" mkenvimage -s 0x40000 -o "$1/flash.img" "$here/flash.env" >&2
  truncate -s 64M "$1/flash.img"
  chmod 644 "$1/flash.img"
}
cached "$cache" "$place" make
printf '%s\n' "$place/flash.img"
