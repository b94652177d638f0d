#!/bin/sh
# Makes <folder>.vfat of <folder>: volume.sh <folder> <MiB> <label> <identifier>. FAT16, as every boot ROM and boot loader
# reads it. The tools on the PATH are used: mkfs.vfat, mcopy. The same input gives the same bytes.
set -eu

[ $# = 4 ] || {
  echo 'usage: image/layout/volume.sh <folder> <MiB> <label> <identifier>' >&2
  exit 2
}
# Times in the file system: 1 January 2026.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1767225600}
TZ=UTC
LC_ALL=C
export SOURCE_DATE_EPOCH TZ LC_ALL

rm -f "$1.vfat"
truncate -s "$2M" "$1.vfat"
mkfs.vfat --invariant -F 16 -s 4 -n "$3" -i "$4" "$1.vfat" >/dev/null
find "$1" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
# One after the other and sorted, so that the order in the directory does not depend on the host's.
(cd "$1" && find . -mindepth 1 -maxdepth 1 | sort) | while read -r entry; do
  mcopy -s -m -i "$1.vfat" "$1/$entry" ::
done
