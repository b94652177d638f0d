#!/bin/sh
# Prints a folder with what a Raspberry Pi's own boot stages read from the first partition: Debian's raspi-firmware
# (GPU firmware of Pi 3 and 4; a Pi 5 has it in its EEPROM), Debian's U-Boot for all of them, and config.txt.
#
# It lies in ${XDG_CACHE_HOME:-~/.cache}/umec/rpi/<key>/boot; `versions` beside it says what it was made of.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../tools/cached.sh"
fetch=$here/../../boot/debian-package.sh
cache=${XDG_CACHE_HOME:-$HOME/.cache}/umec/rpi
firmware=$("$fetch" raspi-firmware non-free-firmware)
uboot=$("$fetch" u-boot-rpi)
key=$(cat "$here/config.txt" "$here/firmware.sh" "$firmware/version" "$uboot/version" | sha256sum | cut -c 1-16)
place=$cache/$key
make() {
  mkdir "$1/boot"
  for file in bootcode.bin start.elf fixup.dat start4.elf fixup4.dat; do
    cp "$firmware/root/usr/lib/raspi-firmware/$file" "$1/boot/"
  done
  cp "$firmware/root/usr/share/doc/raspi-firmware/copyright" "$1/boot/FIRMWARE.TXT"
  cp "$uboot/root/usr/lib/u-boot/rpi_arm64/u-boot.bin" "$1/boot/u-boot.bin"
  cp "$here/config.txt" "$1/boot/"
  printf 'raspi-firmware %s\nu-boot-rpi %s\n' "$(cat "$firmware/version")" "$(cat "$uboot/version")" >"$1/versions"
}
cached "$cache" "$place" make
printf '%s\n' "$place/boot"
