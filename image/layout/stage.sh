#!/bin/sh
# Lays out what a board's boot partition and kernel slot hold:
#   stage.sh <board> <work> <kernel> <initrd> <verity> [firmware]
# UMEC_VERSION is the version that the slot says of itself; package.json's if it is not set.
#
# <kernel> is a folder with Image and dtbs/, <verity> the file about the root slot (see image/boot/slot-env.sh),
# [firmware] a folder whose files the board's first boot stages read from the boot partition. In <work> appear boot/
# and slot/; the slot is the same on every board. The tools on the PATH are used: mkimage, mkenvimage, gzip.
set -eu

[ $# = 5 ] || [ $# = 6 ] || {
  echo 'usage: image/layout/stage.sh <board> <work> <kernel> <initrd> <verity> [firmware]' >&2
  exit 2
}
image=$(cd "$(dirname "$0")/.." && pwd)
board=$image/boards/$1
work=$(cd "$2" && pwd)
boot=$work/boot
slot=$work/slot
# For mkimage's time stamp.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1767225600}
export SOURCE_DATE_EPOCH

rm -rf "$boot" "$slot"
mkdir -p "$boot" "$slot/dtbs"

mkimage -A arm64 -T script -C none -n umec -d "$image/boot/boot.cmd" "$boot/boot.scr" >/dev/null
cp "$board/board.env" "$boot/"
# Padded with zeros, as U-Boot's own `env export` does it.
mkenvimage -s 0x4000 -p 0 -o "$boot/slots.env" "$image/boot/uboot.defaults"
cp "$boot/slots.env" "$boot/slots.bak"
# 64 KiB of blanks, to be overwritten in place by whoever flashes: nothing in the file system changes by that.
{
  head -c 65535 /dev/zero | tr '\0' ' '
  echo
} >"$boot/umec.json"
sed 's/$/\r/' "$image/boot/README.TXT" >"$boot/README.TXT"
[ ! -e "$board/README.TXT" ] || sed 's/$/\r/' "$board/README.TXT" >>"$boot/README.TXT"
[ -z "${6:-}" ] || cp -R "$6/." "$boot/"
if [ -e "$board/boot-dtbs" ]; then
  # shellcheck disable=SC2046
  (cd "$3/dtbs" && cp $(cat "$board/boot-dtbs") "$boot/")
fi

cp "$3/Image" "$slot/Image"
cp "$4" "$slot/initrd"
cp "$3"/dtbs/*.dtb "$slot/dtbs/"
version=${UMEC_VERSION:-$(sed -n 's/^  "version": "\(.*\)",$/\1/p' "$image/../package.json")}
"$image/boot/slot-env.sh" "$5" "$slot/Image" "$slot/initrd" "$version" >"$slot/slot.env"
chmod -R u=rwX,go=rX "$boot" "$slot"
