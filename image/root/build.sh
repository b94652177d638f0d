#!/bin/sh
# Prints the folder of the root slot, and builds it if there is none:
#   root.img      squashfs, and behind it the hash tree of dm-verity, without a superblock
#   verity        sectors=, blocks=, hash=, salt=: what the kernel's command line says about it
#   manifest.txt  Debian's packages in it: name, version, SHA-256, source package, its version
#   sizes.json    bytes of the slot, and of what it is made of
#
# It lies in ${XDG_CACHE_HOME:-~/.cache}/umec/root/<key>; the key is the checksum of all that goes in: image/root, Debian's
# packages, the bundle for arm64, the kernel's modules, the keyring, what is laid over it and the versions of the tools. The
# same input gives the same bytes.
# No program of the target is run: nothing is emulated.
#
# UMEC_KEYRING is the file with the certificates by which the node judges updates; that of the development PKI, which is this
# machine's own (image/ota/pki.sh), if it is not set.
#
# UMEC_ZSTD (1 to 22) and UMEC_BLOCK (as in 128K) set another level and block size of squashfs, for trials.
#
#   --lock              take over the versions of Debian's packages that the mirror has now (versions.lock); image/bump.sh takes more
#   --into <folder>     build there, whatever the cache has
#   --overlay <folder>  put its files over the root slot's: /etc/issue is etc/issue in it
set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
tools=$here/../tools
cache=${XDG_CACHE_HOME:-$HOME/.cache}/umec/root
bundle=${UMEC_BUNDLE:-$top/dist/umec-linux-arm64}

say() { printf 'root: %s\n' "$*" >&2; }

# fail <what> <what to do next>
fail() {
  say "$1"
  say "  $2"
  exit 1
}

checksum_of_tree() { (cd "$1" && find . -type f ! -name '*.test.ts' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum && find . -type f -perm -100 -print -o -type l -printf '%p %l\n' | LC_ALL=C sort); }

key() {
  {
    checksum_of_tree "$here"
    checksum_of_tree "$here/../rauc"
    checksum_of_tree "$bundle"
    [ -z "$overlay" ] || checksum_of_tree "$overlay"
    cat "$keyring" "$debian/packages"
    echo "${UMEC_ZSTD:-} ${UMEC_BLOCK:-}"
    sha256sum <"$modules"
    grep -E '^(squashfs-tools|cryptsetup-bin|systemd|binutils-aarch64-linux-gnu) ' "$(dirname "$("$tools/root.sh")")/versions"
  } | sha256sum | cut -c 1-16
}

# build_in <folder>: the folder exists and is empty
build_in() {
  UMEC_TOOLS_BIND=$bundle:$1:$(dirname "$keyring"):$overlay "$tools/run" "$here/assemble.sh" \
    "$1" "$debian" "$bundle" "$modules" "$keyring" "$overlay" >"$1/log" 2>&1 || {
    tail -n 40 "$1/log" >&2
    fail "the root slot was not built" "the messages above say where it stopped"
  }
  "$tools/run" rm -rf "$1/tree" "$1/log"
}

into=
lock=
overlay=
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help)
      sed -n '2,/^set/{s/^# \{0,1\}//p;}' "$0"
      exit 0
      ;;
    --lock) lock=--lock ;;
    --into)
      into=${2:?a folder}
      shift
      ;;
    --overlay)
      overlay=$(cd "${2:?a folder}" && pwd)
      shift
      ;;
    *) fail "unknown option $1" "image/root/build.sh --help shows what there is" ;;
  esac
  shift
done
debian=$("$here/debian.sh" $lock)
keyring=${UMEC_KEYRING:-$("$here/../ota/pki.sh")/keyring.pem}
[ -r "$keyring" ] || fail "there is no keyring at $keyring" "name a file of certificates in UMEC_KEYRING"
keyring=$(cd "$(dirname "$keyring")" && pwd)/$(basename "$keyring")
[ -x "$bundle/lib/node" ] || fail "there is no bundle at $bundle" "make it with: make bundle"
modules=$("$here/../kernel/build.sh")/modules.tar
if [ -n "$into" ]; then
  build_in "$into"
  printf '%s\n' "$into"
  exit 0
fi
place=$cache/$(key)
if [ ! -d "$place" ]; then
  exec 9>"$cache/.lock"
  flock 9
  if [ ! -d "$place" ]; then
    "$tools/run" rm -rf "$cache"/building.*
    work=$(mktemp -d "$cache/building.XXXXXX")
    chmod 755 "$work"
    say "building the root slot (about a minute)"
    build_in "$work"
    mv "$work" "$place"
  fi
fi
printf '%s\n' "$place"
