#!/bin/sh
# Makes the root slot in the tool root: assemble.sh <work> <debian> <bundle> <modules.tar> <keyring> [overlay]; build.sh
# calls it.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
work=$1
debian=$2
bundle=$3
modules=$4
keyring=$5
overlay=${6:-}
tree=$work/tree
node=$here/../../node_modules/.bin/node

# Every id, time and date is fixed: without this the password file has today's date in it.
export SOURCE_DATE_EPOCH=0

take_packages() {
  "$node" "$here/pick.ts" "$debian/tree" "$here/keep.txt" "$tree"
  install -D -m 644 "$debian/copyright" "$tree/usr/share/doc/copyright"
}

# lay_over <folder>: its files take the place of those that are there; who owns them and when they were made is forgotten
lay_over() {
  (cd "$1" && find . -type f -o -type l) | while read -r file; do
    mode=644
    [ ! -x "$1/$file" ] || mode=755
    if [ -L "$1/$file" ]; then
      mkdir -p "$tree/$(dirname "$file")"
      ln -sfn "$(readlink "$1/$file")" "$tree/$file"
    else
      install -D -m $mode "$1/$file" "$tree/$file"
    fi
  done
}

take_overlay() {
  lay_over "$here/overlay"
  # shellcheck disable=SC2013
  for applet in $(sed 's/#.*//' "$here/applets.txt"); do
    grep -qzxF -- "$applet" "$tree/usr/bin/busybox" || {
      echo "busybox has no applet $applet: correct image/root/applets.txt"
      exit 1
    }
    [ -e "$tree/usr/bin/$applet" ] || [ -e "$tree/usr/sbin/$applet" ] || ln -s busybox "$tree/usr/bin/$applet"
  done
  sed 's/#.*//' "$here/links.txt" | while read -r path target; do
    [ -n "$path" ] || continue
    mkdir -p "$tree/$(dirname "$path")"
    ln -sfn "$target" "$tree/$path"
  done
}

take_rauc() {
  install -D -m 644 "$keyring" "$tree/etc/rauc/keyring.pem"
  install -D -m 644 "$here/../rauc/system.conf.in" "$tree/usr/lib/umec/rauc/system.conf.in"
}

take_bundle() {
  mkdir -p "$tree/usr/lib/umec"
  cp -r "$bundle/." "$tree/usr/lib/umec/"
  aarch64-linux-gnu-strip "$tree/usr/lib/umec/lib/node"
  find "$tree/usr/lib/umec" -type d -exec chmod 755 {} +
  find "$tree/usr/lib/umec" -type f -perm -100 -exec chmod 755 {} +
  find "$tree/usr/lib/umec" -type f ! -perm -100 -exec chmod 644 {} +
}

# What the packages' maintainer scripts would have done
finish() {
  for folder in boot data dev etc home proc root run sys tmp usr/local var/lib/systemd var/log var/tmp var/cache; do
    mkdir -p "$tree/$folder"
  done
  chmod 700 "$tree/root"
  chmod 1777 "$tree/tmp" "$tree/var/tmp"
  # An empty file would make each boot the first one to systemd; data gives the node its own.
  printf '%032d\n' 1 >"$tree/etc/machine-id"
  mkdir -p "$tree/etc/ssl/certs"
  cat "$debian"/tree/usr/share/ca-certificates/mozilla/*.crt >"$tree/etc/ssl/certs/ca-certificates.crt"
  systemd-sysusers --root="$tree"
  # sysusers leaves nobody to the C library's plugin, which is not here.
  echo 'nobody:x:65534:65534:Nobody:/:/bin/false' >>"$tree/etc/passwd"
  echo 'nobody:x:65534:' >>"$tree/etc/group"
  echo 'nobody:!*:0:::::1:' >>"$tree/etc/shadow"
  # sysusers locks everybody, and dropbear lets nobody in with a key who is locked; no password fits `*`. Root stays so.
  sed -i -E 's/^(viewer|operator|maintainer|owner):[^:]*:/\1:*:/' "$tree/etc/shadow"
  rm -f "$tree"/etc/passwd- "$tree"/etc/group- "$tree"/etc/shadow- "$tree"/etc/gshadow- "$tree"/etc/.pwd.lock
  systemctl --root="$tree" preset-all
}

# sectors=, blocks=, hash= and salt= of root.img, which gets its hash tree here. The salt is the content's own checksum,
# so that the same content gives the same slot.
add_hash_tree() {
  image=$work/root.img
  bytes=$(stat -c %s "$image")
  blocks=$((bytes / 4096))
  [ $((blocks * 4096)) -eq "$bytes" ]
  salt=$(sha256sum "$image" | cut -d ' ' -f 1)
  hash=$(veritysetup format --no-superblock --hash=sha256 --data-block-size=4096 --hash-block-size=4096 \
    --data-blocks="$blocks" --hash-offset="$bytes" --salt="$salt" "$image" "$image" | sed -n 's/^Root hash:[[:space:]]*//p')
  [ ${#hash} -eq 64 ]
  printf 'sectors=%s\nblocks=%s\nhash=%s\nsalt=%s\n' $((blocks * 8)) "$blocks" "$hash" "$salt" >"$work/verity"
}

bytes_of() { du -s --apparent-size -B 1 "$1" | cut -f 1; }

write_sizes() {
  cat >"$work/sizes.json" <<EOF
{
  "rootSlotBytes": $(stat -c %s "$work/root.img"),
  "squashfsBytes": $squashfs_bytes,
  "treeBytes": $(bytes_of "$tree"),
  "nodeBytes": $(bytes_of "$tree/usr/lib/umec/lib/node"),
  "natsServerBytes": $(bytes_of "$tree/usr/lib/umec/lib/nats-server"),
  "modulesBytes": $(bytes_of "$tree/usr/lib/modules")
}
EOF
}

take_packages
take_overlay
take_rauc
take_bundle
tar -C "$tree" -xf "$modules"
[ -z "$overlay" ] || lay_over "$overlay"
finish
(
  unset SOURCE_DATE_EPOCH
  mksquashfs "$tree" "$work/root.img" -quiet -no-progress -noappend -all-root -all-time 0 -mkfs-time 0 -no-exports \
    -no-xattrs -comp zstd -Xcompression-level "${UMEC_ZSTD:-19}" -b "${UMEC_BLOCK:-256K}"
)
squashfs_bytes=$(stat -c %s "$work/root.img")
add_hash_tree
cp "$debian/packages" "$work/manifest.txt"
write_sizes
