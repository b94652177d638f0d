#!/bin/sh
# Prints the folder of a package of Debian trixie for arm64, unpacked, and fetches it if it is not there:
#   debian-package.sh <package> [component]        (component: main by default)
#
# In the folder lie root/ (its files) and version. It comes through apt in the tool root, which checks its signature,
# and lies in ${XDG_CACHE_HOME:-~/.cache}/umec/debian/<key of the tool root>/: all packages of an image are of one
# time. Where the mirror has another version than image/root/versions.lock this says so, and with UMEC_LOCKED=1 it is an
# error. It appears when it is whole, and a lock lets one run at a time fetch. Only the path goes to stdout.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
tools=$here/../tools
. "$tools/cached.sh"

say() { printf 'debian package: %s\n' "$*" >&2; }

# fail <what> <what to do next>
fail() {
  say "$1"
  say "  $2"
  exit 1
}

# In the tool root: debian-package.sh --inside <work> <mirror> <package> <component> [security mirror]
inside() {
  cd "$1"
  mkdir -p none state/lists/partial cache/archives/partial
  printf 'deb [signed-by=%s arch=arm64] %s %s\n' /usr/share/keyrings/debian-archive-keyring.gpg "$2" "trixie $4" \
    ${5:+/usr/share/keyrings/debian-archive-keyring.gpg "$5" "trixie-security $4"} >sources.list
  cat >apt.conf <<EOF
Dir::State "$1/state";
Dir::State::status "/dev/null";
Dir::Cache "$1/cache";
Dir::Etc::sourcelist "$1/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "$1/none";
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Sandbox::User "";
Acquire::Languages "none";
EOF
  apt-get -c apt.conf -qq -o APT::Update::Error-Mode=any update
  apt-get -c apt.conf -qq download "$3"
  set -- "$3"_*.deb
  dpkg-deb -f "$1" Version >version
  dpkg-deb -x "$1" root
  rm -rf none state cache sources.list apt.conf "$1"
}

case ${1:-} in
  --inside)
    shift
    inside "$@"
    exit 0
    ;;
  -h | --help | '')
    echo 'usage: image/boot/debian-package.sh <package> [component]'
    exit 0
    ;;
esac
package=$1
component=${2:-main}
key=$(basename "$(dirname "$("$tools/root.sh")")")
cache=${XDG_CACHE_HOME:-$HOME/.cache}/umec/debian/$key
pinned=$(awk -v name="$package" 'NF == 6 && $1 == name { print $2 }' "$here/../root/versions.lock")
place=$cache/$package${pinned:+_$(printf %s "$pinned" | tr : _)}
make() {
  mirror=$("$here/../../bundle/debian-mirror.sh")
  "$tools/run" "$here/debian-package.sh" --inside "$1" "$mirror" "$package" "$component" \
    "$("$here/../../bundle/debian-mirror.sh" --security)" >&2 ||
    fail "Debian's $package could not be fetched" "check the mirror $mirror (UMEC_DEBIAN_MIRROR) and the network"
  version=$(cat "$1/version")
  if [ -n "$pinned" ] && [ "$version" != "$pinned" ]; then
    [ "${UMEC_LOCKED:-}" != 1 ] || fail "the mirror has $package $version, not $pinned, and UMEC_LOCKED=1 forbids that" \
      "look at what has changed, then run image/bump.sh"
    say "the mirror has $package $version, not $pinned as in image/root/versions.lock; image/bump.sh takes it over"
  fi
  say "$package $version goes to $place"
}
cached "$cache" "$place" make
printf '%s\n' "$place"
