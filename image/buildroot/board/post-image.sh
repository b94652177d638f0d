#!/bin/sh
# Buildroot calls it when its images are there: post-image.sh <images> <board> [loader at 32 KiB]
#
# From Buildroot's kernel, device trees, boot loader and squashfs it makes <images>/umec-<version>-<board>.img, its
# compressed form, block map and checksum, with the layout, the boot script and the files of image/. The work is in
# <images>/umec, with all parts of the last run. Buildroot's host tools are on the PATH.
set -eu

images=$(cd "$1" && pwd)
name=$2
loader=${3:-}
board=$(cd "$(dirname "$0")" && pwd)
image=$(cd "$board/../.." && pwd)
bundle=${TARGET_DIR:?is set by Buildroot}/usr/lib/umec
work=$images/umec
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1767225600}
export SOURCE_DATE_EPOCH

# fail <what> <what to do next>
fail() {
  echo "post-image.sh: $1" >&2
  echo "  $2" >&2
  exit 1
}

kernel() {
  mkdir -p "$work/kernel/dtbs"
  cp "$images/Image" "$work/kernel/"
  # The same ones in the slot of each board.
  sed 's/#.*//' "$image/kernel/boards.txt" | xargs -n 1 basename | while read -r tree; do
    cp "$images/$tree.dtb" "$work/kernel/dtbs/"
  done
}

# root.img and `verity`, as image/root/assemble.sh makes them: the hash tree lies behind the squashfs, without a
# superblock, and the salt is the content's own checksum.
root() {
  cp "$images/rootfs.squashfs" "$work/root.img"
  bytes=$(stat -c %s "$work/root.img")
  blocks=$((bytes / 4096))
  [ $((blocks * 4096)) -eq "$bytes" ] || fail "rootfs.squashfs is not padded to 4096 bytes" \
    "set BR2_TARGET_ROOTFS_SQUASHFS_PAD=y"
  salt=$(sha256sum "$work/root.img" | cut -d ' ' -f 1)
  hash=$(veritysetup format --no-superblock --hash=sha256 --data-block-size=4096 --hash-block-size=4096 \
    --data-blocks="$blocks" --hash-offset="$bytes" --salt="$salt" "$work/root.img" "$work/root.img" |
    sed -n 's/^Root hash:[[:space:]]*//p')
  [ ${#hash} -eq 64 ] || fail "veritysetup printed no root hash" "look at its message above"
  printf 'sectors=%s\nblocks=%s\nhash=%s\nsalt=%s\n' $((blocks * 8)) "$blocks" "$hash" "$salt" >"$work/verity"
  [ "$(stat -c %s "$work/root.img")" -le $((160 * 1048576)) ] || fail "the root slot is larger than 160 MiB" \
    "take packages out of the defconfig"
}

# What the board's own first stages read from the boot partition
firmware() {
  mkdir -p "$work/firmware"
  case $name in
    rpi)
      for file in bootcode.bin start.elf fixup.dat start4.elf fixup4.dat; do
        cp "$images/rpi-firmware/$file" "$work/firmware/"
      done
      cp "$images/u-boot.bin" "$image/boards/rpi/config.txt" "$work/firmware/"
      cp "${BUILD_DIR:?is set by Buildroot}"/rpi-firmware-*/boot/LICENCE.broadcom "$work/firmware/FIRMWARE.TXT"
      ;;
  esac
}

# seek=: in KiB, where the boot ROM of an i.MX 8M Plus looks; the gap ends at 8 MiB.
place_loader() {
  [ "$(stat -c %s "$images/$loader")" -le $(((8192 - 32) * 1024)) ] || fail "$loader does not fit before 8 MiB" \
    "take features out of image/buildroot/board/uboot.fragment"
  dd if="$images/$loader" of="$work/disk.img" bs=1024 seek=32 conv=notrunc status=none
}

rm -rf "$work"
mkdir -p "$work"
kernel
root
firmware
"$board/initrd.sh" "$TARGET_DIR" "$work/initrd.zst"
"$image/layout/stage.sh" "$name" "$work" "$work/kernel" "$work/initrd.zst" "$work/verity" "$work/firmware"
table=gpt
[ ! -e "$image/boards/$name/table" ] || table=$(cat "$image/boards/$name/table")
"$image/layout/make-disk.sh" "$work" "$table"
[ -z "$loader" ] || place_loader

disk=umec-$(cat "$bundle/VERSION")-$name.img
mv "$work/disk.img" "$images/$disk"
cd "$images"
bmaptool create -o "$disk.bmap" "$disk"
zstd -q -f -19 -T0 "$disk" -o "$disk.zst"
sha256sum "$disk" "$disk.zst" >"$disk.sha256"
echo "post-image.sh: $images/$disk"
