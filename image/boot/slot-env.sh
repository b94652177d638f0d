#!/bin/sh
# Writes a kernel slot's slot.env: slot-env.sh <verity> <Image> <initrd> [version] >slot.env
#
# `verity` is a file of lines sectors=, blocks=, hash= and salt= about the root slot that this kernel belongs to. The
# hash travels beside the kernel, so an update that replaces both slots replaces the hash, and the boot loader needs to
# know nothing of it.
#
# In slot.env, text for U-Boot's `env import -t`:
#   args_a, args_b         the kernel's command line behind the board's own part, for the slot's two places
#   crc_image, crc_initrd  CRC-32 of the two files, and the same with its bytes turned round (hexadecimal, without
#                          leading zeros): U-Boot's crc32 leaves one or the other in memory, as it was configured
set -eu

case ${1:-} in
  -h | --help | '')
    echo 'usage: image/boot/slot-env.sh <verity> <Image> <initrd> [version] >slot.env'
    exit 0
    ;;
esac
verity=$1
image=$2
initrd=$3
version=${4:-0.0.0}

# value <name>: what the file `verity` says about it
value() {
  sed -n "s/^$1=//p" "$verity" | grep . || {
    echo "slot-env.sh: there is no $1= in $verity" >&2
    exit 1
  }
}

# A gzip file ends with the CRC-32 of its content and the length, four bytes each, the lowest byte first.
crc() {
  # shellcheck disable=SC2046
  set -- $(gzip -1 -c "$1" | tail -c 8 | head -c 4 | od -An -v -tx1)
  printf '%x %x' "0x$4$3$2$1" "0x$1$2$3$4"
}

# arguments <A|B> <a|b>
#   umec.version            the version of the whole slot
#   umec.slot               names what is in the slot: root, kernel, initramfs, version. What was marked good is known by it
#   panic=5                 a kernel that gives up starts again, and the counter decides
#   gpt                     take the partition table at the disk's end if the first one is damaged
#   watchdog.open_timeout   a watchdog that the boot loader started bites if nobody takes it over in this time (s)
#   ramoops.*               the last words of a kernel, kept in memory over a warm restart; the boot script says where
arguments() {
  printf 'rauc.slot=%s umec.version=%s umec.slot=%s panic=5 loglevel=4 gpt watchdog.open_timeout=60 ' "$1" "$version" "$name"
  printf 'ramoops.record_size=131072 ramoops.console_size=131072 '
  printf 'dm-mod.waitfor=PARTLABEL=root_%s dm-mod.create="umec,,,ro,0 %s verity 1 ' "$2" "$sectors"
  printf 'PARTLABEL=root_%s PARTLABEL=root_%s 4096 4096 %s %s sha256 ' "$2" "$2" "$blocks" "$blocks"
  printf '%s %s 1 restart_on_corruption"' "$hash" "$salt"
}

sectors=$(value sectors)
blocks=$(value blocks)
hash=$(value hash)
salt=$(value salt)
name=$(echo "$hash $salt $(crc "$image") $(crc "$initrd") $version" | sha256sum | cut -c 1-16)
printf 'args_a=%s\n' "$(arguments A a)"
printf 'args_b=%s\n' "$(arguments B b)"
printf 'crc_image=%s\ncrc_initrd=%s\n' "$(crc "$image")" "$(crc "$initrd")"
