#!/bin/sh
# Prints the path of a nats-server >= 2.14 for an architecture of Debian, and fetches it if there is none.
#
# The places, in this order:
#   1. the file that UMEC_NATS_SERVER names      (for this machine's architecture)
#   2. nats-server on the PATH, if new enough    (for this machine's architecture)
#   3. the cache, ${XDG_CACHE_HOME:-~/.cache}/umec/nats-server/<architecture>/nats-server
#   4. Debian sid's package, put into the cache
#
# With --package only 3 and 4 count, and beside the binary lie `copyright` and `version`, both the package's: what
# is shipped must not depend on what this machine has on its PATH. Its version is pinned in image/root/versions.lock;
# where the mirror has another one this says so, and with UMEC_LOCKED=1 it is an error.
#
# The package comes through apt, which checks its signature, with a configuration, lists and a cache of its
# own: no root is needed and the machine's apt is not touched. Its mirror is UMEC_DEBIAN_MIRROR or the one
# that the machine uses for Debian. The binary is moved to its place when it is whole, and a lock lets one
# run at a time fetch, so the cache never holds half a file. Only the path goes to stdout.
set -eu

oldest=2.14
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

usage() {
  cat <<'EOF'
usage: bundle/nats-server.sh [--package] [amd64|arm64]

Prints the path of a nats-server >= 2.14 for the architecture (default: this machine's). If there is none on
the PATH or in the cache it fetches Debian sid's package, without root.

  --package           Debian's package and nothing else, with its files copyright and version beside the binary
  UMEC_NATS_SERVER    take this file
  UMEC_DEBIAN_MIRROR  fetch from this mirror of Debian, as in http://host/debian
  XDG_CACHE_HOME      the cache is in its folder umec/nats-server; default ~/.cache
EOF
}

say() { printf 'nats-server.sh: %s\n' "$*" >&2; }

# fail <what> <what to do next>
fail() {
  say "$1"
  say "  $2"
  exit 1
}

version_of() { "$1" --version 2>/dev/null | sed -n 's/.*v\([0-9][0-9]*\.[0-9][0-9]*\.[0-9][0-9]*\).*/\1/p'; }

new_enough() {
  [ -n "$1" ] || return 1
  major=${1%%.*}
  rest=${1#*.}
  minor=${rest%%.*}
  [ "$major" -gt "${oldest%.*}" ] || { [ "$major" -eq "${oldest%.*}" ] && [ "$minor" -ge "${oldest#*.}" ]; }
}

host_architecture() {
  case $(uname -m) in
    x86_64) echo amd64 ;;
    aarch64) echo arm64 ;;
    *) uname -m ;;
  esac
}

# Whether the package in the cache is the pinned one, or the one that the mirror had when that was asked for (`pin`).
is_pinned() {
  [ -s "${binary%/*}/version" ] || return 1
  [ -n "$pinned" ] || return 0
  for file in version pin; do
    [ -r "${binary%/*}/$file" ] || continue
    read -r found <"${binary%/*}/$file"
    [ "$found" != "$pinned" ] || return 0
  done
  return 1
}

cached() {
  [ -x "$binary" ] || return 1
  [ -z "$package" ] || is_pinned || return 1
  [ "$architecture" != "$host" ] || new_enough "$(version_of "$binary")"
}

write_apt_configuration() {
  mkdir -p "$work/none" "$work/state/lists/partial" "$work/cache/archives/partial"
  printf 'deb [signed-by=%s arch=%s] %s sid main\n' "$keyring" "$architecture" "$mirror" >"$work/sources.list"
  cat >"$work/apt.conf" <<EOF
Dir::State "$work/state";
Dir::State::status "/dev/null";
Dir::Cache "$work/cache";
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "$work/none";
APT::Architecture "$architecture";
APT::Architectures { "$architecture"; };
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
EOF
}

fetch() {
  for tool in apt-get dpkg dpkg-deb; do
    command -v "$tool" >/dev/null || fail "there is no $tool here to fetch Debian's package with" \
      "put nats-server >= $oldest on the PATH, or its file name into UMEC_NATS_SERVER"
  done
  [ -r "$keyring" ] || fail "$keyring is missing: Debian's signature can't be checked" \
    "install the package debian-archive-keyring, or put nats-server >= $oldest on the PATH"
  mirror=$("${0%/*}/debian-mirror.sh") || fail "there is no mirror to fetch from" \
    "set UMEC_DEBIAN_MIRROR to one, or put nats-server >= $oldest on the PATH"
  # What a run that was killed left behind; we hold the lock.
  rm -rf "$cache"/fetch.*
  work=$(mktemp -d "$cache/fetch.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  write_apt_configuration
  next="check the mirror $mirror and the network, or put nats-server >= $oldest on the PATH"

  say "reading Debian sid's package list for $architecture"
  apt-get -c "$work/apt.conf" -qq -o APT::Update::Error-Mode=any update >&2 ||
    fail "Debian sid's package list could not be read" "$next"
  say "fetching nats-server"
  (cd "$work" && apt-get -c "$work/apt.conf" -qq download "nats-server:$architecture" >&2) ||
    fail "Debian sid's nats-server for $architecture could not be fetched" "$next"
  set -- "$work"/nats-server_*.deb
  version=$(dpkg-deb -f "$1" Version)
  dpkg --compare-versions "$version" ge "$oldest" || fail "the mirror's nats-server is $version, too old" "$next"
  if [ -n "$package" ] && [ -n "$pinned" ] && [ "$version" != "$pinned" ]; then
    [ "${UMEC_LOCKED:-}" != 1 ] || fail "the mirror has nats-server $version, not $pinned, and UMEC_LOCKED=1 forbids that" \
      "look at what has changed, then run image/bump.sh"
    say "the mirror has nats-server $version, not $pinned as in image/root/versions.lock; image/bump.sh takes it over"
  fi
  dpkg-deb -x "$1" "$work/root"

  mkdir -p "${binary%/*}"
  # The version last: where it is, all three belong together.
  rm -f "${binary%/*}/version" "${binary%/*}/pin"
  mv -f "$work/root/usr/sbin/nats-server" "$binary"
  mv -f "$work/root/usr/share/doc/nats-server/copyright" "${binary%/*}/copyright"
  printf '%s\n' "$version" >"$work/version"
  printf '%s\n' "$pinned" >"${binary%/*}/pin"
  mv -f "$work/version" "${binary%/*}/version"
  say "nats-server $version is at $binary"
}

case ${1:-} in
  -h | --help)
    usage
    exit 0
    ;;
esac
package=
if [ "${1:-}" = --package ]; then
  package=yes
  shift
fi
host=$(host_architecture)
architecture=${1:-$host}
case "$# $architecture" in
  "0 amd64" | "0 arm64" | "1 amd64" | "1 arm64") ;;
  *)
    usage >&2
    exit 2
    ;;
esac

if [ -z "$package" ] && [ "$architecture" = "$host" ]; then
  if [ -n "${UMEC_NATS_SERVER:-}" ]; then
    version=$(version_of "$UMEC_NATS_SERVER" || true)
    new_enough "$version" || fail "UMEC_NATS_SERVER names $UMEC_NATS_SERVER (${version:-it does not run})" \
      "name a nats-server >= $oldest, or unset it"
    printf '%s\n' "$UMEC_NATS_SERVER"
    exit 0
  fi
  if found=$(command -v nats-server); then
    version=$(version_of "$found" || true)
    if new_enough "$version"; then
      printf '%s\n' "$found"
      exit 0
    fi
    say "$found (${version:-it does not run}) is passed over: $oldest is needed, and the packages of Debian"
    say "  bookworm and trixie are too old for leaf links"
  fi
fi

cache=${XDG_CACHE_HOME:-$HOME/.cache}/umec/nats-server
binary=$cache/$architecture/nats-server
pinned=$(sed -n 's/^nats-server \([^ ]*\) .* bundle$/\1/p' "${0%/*}/../image/root/versions.lock" 2>/dev/null || :)
if ! cached; then
  mkdir -p "$cache"
  exec 9>"$cache/.lock"
  flock 9
  cached || fetch
fi
printf '%s\n' "$binary"
