#!/bin/sh
# Prints a folder with what a Raspberry Pi's own boot stages read from the first partition: Debian's raspi-firmware
# (GPU firmware of Pi 3 and 4; a Pi 5 has it in its EEPROM), Debian's U-Boot for all of them, and config.txt.
#
# It lies in ${XDG_CACHE_HOME:-~/.cache}/umec/rpi/<key>/boot; `versions` beside it says what it was made of.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
fetch=$here/../../boot/debian-package.sh
cache=${XDG_CACHE_HOME:-$HOME/.cache}/umec/rpi
firmware=$("$fetch" raspi-firmware non-free-firmware)
uboot=$("$fetch" u-boot-rpi)
key=$(cat "$here/config.txt" "$here/firmware.sh" "$firmware/version" "$uboot/version" | sha256sum | cut -c 1-16)
place=$cache/$key
if [ ! -d "$place" ]; then
  mkdir -p "$cache"
  exec 9>"$cache/.lock"
  flock 9
  if [ ! -d "$place" ]; then
    rm -rf "$cache"/making.*
    work=$(mktemp -d "$cache/making.XXXXXX")
    chmod 755 "$work"
    mkdir "$work/boot"
    for file in bootcode.bin start.elf fixup.dat start4.elf fixup4.dat; do
      cp "$firmware/root/usr/lib/raspi-firmware/$file" "$work/boot/"
    done
    cp "$firmware/root/usr/share/doc/raspi-firmware/copyright" "$work/boot/FIRMWARE.TXT"
    cp "$uboot/root/usr/lib/u-boot/rpi_arm64/u-boot.bin" "$work/boot/u-boot.bin"
    cp "$here/config.txt" "$work/boot/"
    printf 'raspi-firmware %s\nu-boot-rpi %s\n' "$(cat "$firmware/version")" "$(cat "$uboot/version")" \
      >"$work/versions"
    mv "$work" "$place"
  fi
fi
printf '%s\n' "$place/boot"
