#!/bin/sh
# Buildroot calls it when the target's tree is complete: post-build.sh <tree>
#
# Overlay and bundle are in the tree. What is left are accounts, links, mount points and what is not wanted. It may run
# again on the same tree.
set -eu

tree=$1
board=$(cd "$(dirname "$0")" && pwd)
root=$board/../../root

"$board/accounts.sh" "$tree/etc" "$root/overlay/usr/lib/sysusers.d/umec.conf" "$board/accounts.conf"

for folder in boot data home proc root run sys tmp; do
  mkdir -p "$tree/$folder"
done

sed 's/#.*//' "$root/links.txt" | while read -r path target; do
  [ -n "$path" ] || continue
  mkdir -p "$tree/$(dirname "$path")"
  # Where packages have made a folder, the link takes its place, if nothing is in it.
  [ -L "$tree/$path" ] || [ ! -d "$tree/$path" ] || rmdir "$tree/$path"
  ln -sfn "$target" "$tree/$path"
done

mkdir -p "$tree/etc/rauc"
install -D -m 644 "$root/../rauc/system.conf.in" "$tree/usr/lib/umec/rauc/system.conf.in"
# Without one the node takes no update.
[ -z "${UMEC_KEYRING:-}" ] || install -D -m 644 "$UMEC_KEYRING" "$tree/etc/rauc/keyring.pem"

# The scripts of the overlay call for these, whoever provides them.
missing=
# shellcheck disable=SC2013
for applet in $(sed 's/#.*//' "$root/applets.txt"); do
  [ -e "$tree/usr/bin/$applet" ] || [ -L "$tree/usr/bin/$applet" ] || [ -e "$tree/usr/sbin/$applet" ] ||
    [ -L "$tree/usr/sbin/$applet" ] || missing="$missing $applet"
done
[ -z "$missing" ] || {
  echo "post-build.sh: the tree has no:$missing" >&2
  echo "  add them to image/buildroot/board/busybox.fragment" >&2
  exit 1
}

# An empty file would make each boot the first one to systemd; the node gets its own from /data.
printf '%032d\n' 1 >"$tree/etc/machine-id"
# Units for services of Buildroot's init scripts, and a root that nobody mounts by fstab.
rm -rf "$tree/etc/init.d" "$tree/etc/fstab" "$tree/etc/network"
