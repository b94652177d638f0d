#!/bin/sh
# Prints the folder of Debian's packages for the root slot, and fetches them if there is none: tree/ (all of them
# unpacked, no maintainer script run), packages (name, version and SHA-256 of each, its source package and the version of
# that) and copyright (theirs, in one file).
#
# It lies in ${XDG_CACHE_HOME:-~/.cache}/umec/root/debian-<key>, where the key is the checksum of packages.txt, the root
# slot's lines of versions.lock and this file. apt checks Debian's signatures. The mirror has one version of a package, the
# newest; where that is not the one in versions.lock this says so, and with UMEC_LOCKED=1 it is an error.
#
#   --lock   fetch anew and write what came into versions.lock; image/bump.sh does that, and more
set -eu

here=$(cd "$(dirname "$0")" && pwd)
tools=$here/../tools
cache=${XDG_CACHE_HOME:-$HOME/.cache}/umec/root

say() { printf 'root: %s\n' "$*" >&2; }

# fail <what> <what to do next>
fail() {
  say "$1"
  say "  $2"
  exit 1
}

# In versions.lock what is for the root slot has five columns; the sixth says what the others are for.
locked() { awk 'NF == 5' "$here/versions.lock"; }

key() { (cat "$here/packages.txt" && locked && cat "$here/debian.sh") | sha256sum | cut -c 1-16; }

# Runs in the tool root with the folder of the new root: what was fetched, before apt's cache goes.
list_packages() {
  for package in "$1"/var/cache/apt/archives/*.deb; do
    # shellcheck disable=SC2016
    printf '%s %s %s\n' "$(dpkg-deb -W --showformat='${Package} ${Version}' "$package")" \
      "$(sha256sum "$package" | cut -d ' ' -f 1)" \
      "$(dpkg-deb -W --showformat='${source:Package} ${source:Version}' "$package")"
  done | sort >"$1/../packages"
}

# Runs in the tool root: debian.sh --inside <work> <mirror>
inside() {
  packages=$(sed 's/#.*//' "$here/packages.txt" | xargs | tr ' ' ',')
  mmdebstrap --quiet --mode=root --architectures=arm64 --variant=extract --include="$packages" \
    --extract-hook="$here/debian.sh --list \"\$1\"" trixie "$1/tree" "$2"
  (
    cd "$1/tree/usr/share/doc"
    for file in */copyright; do
      [ -L "$file" ] || [ -L "${file%/*}" ] || printf '\n== %s\n\n%s\n' "${file%/*}" "$(cat "$file")"
    done
  ) >"$1/copyright"
}

fetch() {
  mirror=$("$here/../../bundle/debian-mirror.sh") || exit 1
  "$tools/run" rm -rf "$cache"/fetching.*
  work=$(mktemp -d "$cache/fetching.XXXXXX")
  chmod 755 "$work"
  say "fetching Debian's packages (50 MB)"
  "$tools/run" "$here/debian.sh" --inside "$work" "$mirror" >"$cache/fetch.log" 2>&1 || {
    cat "$cache/fetch.log" >&2
    fail "the packages were not fetched" "look at the messages above, and at the mirror $mirror"
  }
}

compare() {
  changed=$(locked | diff - "$1/packages" | sed -n 's/^\([<>]\) \([^ ]* [^ ]*\) .*/  \1 \2/p') || :
  [ -n "$changed" ] || return 0
  say "the mirror's packages are not those of image/root/versions.lock (<), but others (>):"
  printf '%s\n' "$changed" >&2
  [ "${UMEC_LOCKED:-}" != 1 ] || fail "UMEC_LOCKED=1 forbids that" \
    "look at what has changed, then run image/bump.sh"
  say "what is built differs from the released image in them; image/bump.sh takes them over"
}

case ${1:-} in
  --inside)
    inside "$2" "$3"
    exit 0
    ;;
  --list)
    list_packages "$2"
    exit 0
    ;;
  -h | --help)
    sed -n '2,/^set/{s/^# \{0,1\}//p;}' "$0"
    exit 0
    ;;
esac
"$tools/root.sh" >/dev/null
mkdir -p "$cache"
exec 9>"$cache/.debian.lock"
flock 9
if [ "${1:-}" = --lock ]; then
  fetch
  { cat "$work/packages" && awk 'NF == 6' "$here/versions.lock"; } >"$here/versions.lock.new"
  mv "$here/versions.lock.new" "$here/versions.lock"
  "$tools/run" rm -rf "$cache/debian-$(key)"
  mv "$work" "$cache/debian-$(key)"
fi
place=$cache/debian-$(key)
if [ ! -d "$place" ]; then
  fetch
  mv "$work" "$place"
fi
compare "$place"
printf '%s\n' "$place"
