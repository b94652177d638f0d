#!/bin/sh
# Prints the folder of the built kernel, and builds it if there is none: Image, config, dtbs/, and modules.tar with
# usr/lib/modules/<release>/ (stripped, depmod done).
#
# It lies in ${XDG_CACHE_HOME:-~/.cache}/umec/kernel/<key>, where the key is the checksum of umec.config, boards.txt,
# this file and the tool root's compiler. The source is Debian's package linux-source-6.12, whose version and SHA-256
# stand below as in image/root/versions.lock (image/bump.sh writes both); it is kept in the cache, and the unpacked tree is
# removed when the kernel is built. The same input gives the same bytes: time, user and host are fixed and no key is made.
set -eu

source_version=6.12.117-1
source_sha256=9141325315c7f1eca682113d185a8c77c82814aa6e32f7e127e61d6106403835

here=$(cd "$(dirname "$0")" && pwd)
tools=$here/../tools
cache=${XDG_CACHE_HOME:-$HOME/.cache}/umec/kernel

say() { printf 'kernel: %s\n' "$*" >&2; }

# fail <what> <what to do next>
fail() {
  say "$1"
  say "  $2"
  exit 1
}

# The tree is unpacked, configured and built here, in the tool root: build.sh --inside <work> <out>
inside() {
  work=$1
  out=$2
  export ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- DTC_FLAGS=-@
  export KBUILD_BUILD_TIMESTAMP=@0 KBUILD_BUILD_USER=umec KBUILD_BUILD_HOST=umec
  cd "$work"
  dpkg-deb --fsys-tarfile source.deb | tar -x --wildcards './usr/src/linux-source-*.tar.xz'
  tar -xf usr/src/linux-source-*.tar.xz
  rm -rf usr source.deb
  mv linux-source-* source
  cd source
  make -s O="$work/o" KCONFIG_ALLCONFIG="$here/umec.config" allnoconfig
  check_configuration "$work/o/.config"
  dtbs=$(sed 's/#.*//' "$here/boards.txt" | xargs -n 1 printf '%s.dtb ')
  # shellcheck disable=SC2086
  make -s O="$work/o" -j"$(nproc)" Image modules $dtbs
  make -s O="$work/o" INSTALL_MOD_PATH="$work/m/usr" INSTALL_MOD_STRIP=1 modules_install
  mkdir -p "$out/dtbs"
  cp "$work/o/arch/arm64/boot/Image" "$out/"
  cp "$work/o/.config" "$out/config"
  for dtb in $dtbs; do cp "$work/o/arch/arm64/boot/dts/$dtb" "$out/dtbs/"; done
  rm -f "$work"/m/usr/lib/modules/*/build
  tar -C "$work/m" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "$out/modules.tar" usr
}

# Each line of the fragment must stand in the configuration; `=n` means that the option must not be set.
check_configuration() {
  lost=
  while read -r line; do
    case $line in
      CONFIG_*=n) ! grep -q "^${line%=n}=" "$1" || lost="$lost $line" ;;
      CONFIG_*=*) grep -qxF "$line" "$1" || lost="$lost $line" ;;
    esac
  done <"$here/umec.config"
  [ -z "$lost" ] || fail "the configuration lost:$lost" "find what each depends on, and add that to image/kernel/umec.config"
}

fetch_source() {
  source=$cache/linux-source-$source_version.deb
  if [ ! -f "$source" ]; then
    say "fetching linux-source-6.12 $source_version (150 MB)"
    security=$("$here/../../bundle/debian-mirror.sh" --security)
    # shellcheck disable=SC2016
    "$tools/run" sh -c '
      cd "$1"
      { cat /etc/apt/sources.list && [ -z "$3" ] || echo "deb $3 trixie-security main"; } >sources.list
      set -- "$2" -qq -o APT::Sandbox::User=root -o Dir::Etc::sourcelist="$1/sources.list"
      source=$1
      shift
      apt-get "$@" update && apt-get "$@" download "$source"' sh \
      "$work" "linux-source-6.12=$source_version" "$security" >&2 ||
      fail "Debian trixie no longer has linux-source-6.12 $source_version" \
        "take what it has, with image/bump.sh"
    mv "$work"/linux-source-6.12_*.deb "$source.part"
    mv "$source.part" "$source"
  fi
  echo "$source_sha256  $source" | sha256sum --status -c || fail "$source is not what was pinned" "remove it and try again"
}

if [ "${1:-}" = --inside ]; then
  inside "$2" "$3"
  exit 0
fi

root=$("$tools/root.sh")
key=$( (cat "$here/umec.config" "$here/boards.txt" "$here/build.sh" && grep '^gcc-[0-9]*-aarch64-linux-gnu ' "$root/../versions") |
  sha256sum | cut -c 1-16)
place=$cache/$key
if [ ! -d "$place" ]; then
  mkdir -p "$cache"
  exec 9>"$cache/.lock"
  flock 9
  if [ ! -d "$place" ]; then
    rm -rf "$cache"/building.*
    work=$(mktemp -d "$cache/building.XXXXXX")
    fetch_source
    cp "$source" "$work/source.deb"
    say "building $source_version with our configuration (10 to 20 minutes on 2 cores, once)"
    began=$(date +%s)
    "$tools/run" "$here/build.sh" --inside "$work" "$work/out" >"$cache/build.log" 2>&1 || {
      tail -n 30 "$cache/build.log" >&2
      fail "the kernel was not built" "all messages are in $cache/build.log"
    }
    mv "$work/out" "$place"
    rm -rf "$work"
    say "built in $((($(date +%s) - began) / 60)) minutes: $place"
  fi
fi
printf '%s\n' "$place"
