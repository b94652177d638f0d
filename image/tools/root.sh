#!/bin/sh
# Prints the path of the tool root, and makes it if there is none: one Debian trixie for amd64 with every tool that
# builds the image and runs the emulated boards, so that nothing depends on the versions of this machine.
#
# It lies in ${XDG_CACHE_HOME:-~/.cache}/umec/tools/<key>/root, where the key is the checksum of packages.txt and of
# this file; `versions` beside it says what was installed. Debian's signatures are checked by apt. It appears under
# its name when it is whole, and a lock lets one run at a time make it. As root it is made in a plain chroot, as
# anybody else in a user namespace. Only the path goes to stdout.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/umec/tools
key=$(cat "$here/packages.txt" "$here/root.sh" | sha256sum | cut -c 1-16)
place=$cache/$key

say() { printf 'tool root: %s\n' "$*" >&2; }

# fail <what> <what to do next>
fail() {
  say "$1"
  say "  $2"
  exit 1
}

packages() { sed 's/#.*//' "$here/packages.txt" | xargs | tr ' ' ','; }

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  else
    unshare --map-root-user --map-auto --mount -- "$@"
  fi
}

make_root() {
  command -v mmdebstrap >/dev/null || fail "there is no mmdebstrap here" \
    "install it, on Debian with: apt-get install mmdebstrap uidmap"
  mirror=$("$here/../../bundle/debian-mirror.sh") || exit 1
  # What a run that was killed left behind; we hold the lock.
  for old in "$cache"/making.*; do
    [ ! -d "$old" ] || as_root rm -rf --one-file-system "$old"
  done
  work=$(mktemp -d "$cache/making.XXXXXX")
  chmod 755 "$work"
  say "making it from Debian trixie (about a minute, once)"
  mmdebstrap --quiet --variant=apt --include="$(packages)" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' trixie "$work/root" "$mirror" >&2 ||
    fail "mmdebstrap did not succeed" "look at its message above, and at the mirror $mirror"
  as_root chroot "$work/root" dpkg-query -W -f '${Package} ${Version}\n' >"$work/versions"
  mv "$work" "$place"
  say "it is at $place/root"
}

if [ ! -d "$place" ]; then
  [ "$(uname -m)" = x86_64 ] || fail "the tools are built for x86_64, and this is $(uname -m)" \
    "build the image on an x86_64 machine"
  mkdir -p "$cache"
  exec 9>"$cache/.lock"
  flock 9
  [ -d "$place" ] || make_root
fi
printf '%s\n' "$place/root"
