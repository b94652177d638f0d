#!/bin/sh
# Makes a board's disk image: make-disk.sh <work> <gpt|hybrid>
#
# <work> holds boot/ and slot/ (image/layout/stage.sh makes both) and root.img; disk.img appears beside them. The
# tools on the PATH are used: mkfs.vfat, mcopy, mke2fs, genimage. The same input gives the same bytes: identifiers,
# times and the order of the files are fixed.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
# Times in the file systems: 1 January 2026.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1767225600}
TZ=UTC
LC_ALL=C
export SOURCE_DATE_EPOCH TZ LC_ALL

case $#:${2:-} in
  2:gpt | 2:hybrid) ;;
  *)
    echo 'usage: image/layout/make-disk.sh <work> <gpt|hybrid>' >&2
    exit 2
    ;;
esac
UMEC_TABLE=$2
UMEC_MBR_TYPE=0
[ "$UMEC_TABLE" = gpt ] || UMEC_MBR_TYPE=0x0c
export UMEC_TABLE UMEC_MBR_TYPE
cd "$1"

# The partition is made for 64 MiB and grows to the card: blocks of 4 KiB and inodes as for a big file system, and
# room in the group descriptors for 2 TiB. A journal of 8 MiB, since it does not grow later.
data() {
  rm -f data.ext4
  truncate -s 64M data.ext4
  E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH mke2fs -q -F -t ext4 -T default -b 4096 -m 1 -J size=8 -L data \
    -U 756d6563-0000-4000-8000-0000000000da \
    -E resize=536870912,hash_seed=756d6563-0000-4000-8000-0000000000db,root_owner=0:0,lazy_itable_init=0 data.ext4
}

"$here/volume.sh" boot 64 UMEC 756D6501
"$here/volume.sh" slot 48 UMEC-SLOT 756D6502
data
rm -rf none genimage.tmp
mkdir none
genimage --loglevel 0 --config "$here/disk.cfg" --rootpath none --tmppath genimage.tmp --inputpath . --outputpath .
rm -rf none genimage.tmp boot.vfat slot.vfat data.ext4
