#!/bin/sh
# Takes over the newest base versions, and says what has changed. Nothing is built:
#
#   image/root/versions.lock   all that comes from Debian: the root slot's packages, the kernel's source, nats-server,
#                              the initramfs' busybox, a Raspberry Pi's firmware
#   image/kernel/build.sh      the two lines that name the kernel's source
#   package.json, package-lock.json   npm's packages and Node.js, each within its present major version
#
#   image/bump.sh [debian | npm]     (default: both)
#
# Debian's versions come from the lists of its stable release and of that one's security suite (nats-server: of sid), whose
# signature apt checks in the tool root; npm's from its registry.
# What is then to be done: make test, make bundle image.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/.." && pwd)
tools=$here/tools
lock=$here/root/versions.lock

say() { printf 'bump: %s\n' "$*" >&2; }

# fail <what> <what to do next>
fail() {
  say "$1"
  say "  $2"
  exit 1
}

# lists <name> <source>...: reads the package lists of these sources into a state of its own
lists() {
  mkdir -p "$1/none" "$1/state/lists/partial" "$1/cache/archives/partial"
  cat >"$1/apt.conf" <<END
Dir::State "$PWD/$1/state";
Dir::State::status "/dev/null";
Dir::Cache "$PWD/$1/cache";
Dir::Etc::sourcelist "$PWD/$1/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "$PWD/$1/none";
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
END
  name=$1
  shift
  for source in "$@"; do
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg arch=arm64] %s\n' "$source"
  done >"$name/sources.list"
  apt-get -c "$name/apt.conf" -qq -o APT::Update::Error-Mode=any update
}

# In the tool root: bump.sh --inside <work> <mirror> [security mirror]; the new lines of what is not the root slot's go to
# <work>/lines.
inside() {
  cd "$1"
  lists stable "$2 trixie main non-free-firmware" ${3:+"$3 trixie-security main non-free-firmware"}
  # Debian's stable release has a nats-server that is too old for leaf links.
  lists sid "$2 sid main" || {
    say "the lists of sid could not be read: nats-server stays as it is"
    rm sid/apt.conf
  }
  awk 'NF == 6 { print $1, $6 }' "$lock" | while read -r package use; do
    [ "$use" = bundle ] && suite=sid || suite=stable
    if [ ! -f "$suite/apt.conf" ]; then
      awk -v name="$package" 'NF == 6 && $1 == name' "$lock"
      continue
    fi
    apt-cache -c "$suite/apt.conf" --no-all-versions show "$package" >about || exit 1
    awk -v use="$use" '
      /^Package: / { package = $2 }
      /^Version: / { version = $2 }
      /^Source: / { source = $2; from = $3 }
      /^SHA256: / { sum = $2 }
      END {
        gsub(/[()]/, "", from)
        plain = version
        sub(/\+b[0-9]+$/, "", plain)
        print package, version, sum, source ? source : package, from ? from : plain, use
      }' about
  done >lines
}

bump_debian() {
  mirror=$("$top/bundle/debian-mirror.sh") || exit 1
  security=$("$top/bundle/debian-mirror.sh" --security)
  work=$(mktemp -d "${TMPDIR:-/tmp}/bump.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  cp "$lock" "$work/before"
  say "reading the lists of $mirror"
  "$tools/run" "$here/bump.sh" --inside "$work" "$mirror" "$security" >&2 || fail "the lists could not be read" \
    "look at the messages above, and at the mirror (UMEC_DEBIAN_MIRROR)"
  [ "$(awk 'NF == 6' "$work/lines" | wc -l)" = "$(awk 'NF == 6' "$lock" | wc -l)" ] ||
    fail "the mirror lacks some of them" "compare its answer with $lock: $(cut -d ' ' -f 1 "$work/lines" | xargs)"
  { awk 'NF == 5' "$lock" && cat "$work/lines"; } >"$work/lock"
  cp "$work/lock" "$lock"
  awk '$6 == "kernel" { print $2, $3 }' "$lock" >"$work/kernel"
  read -r version sum <"$work/kernel"
  sed -i -e "s/^source_version=.*/source_version=$version/" -e "s/^source_sha256=.*/source_sha256=$sum/" \
    "$here/kernel/build.sh"
  "$here/root/debian.sh" --lock >/dev/null
  diff "$work/before" "$lock" | sed -n 's/^\([<>]\) \([^ ]* [^ ]*\) .*/  \1 \2/p'
}

# Within the major version that package.json has now: another one is a decision, not a bump.
bump_npm() {
  cd "$top"
  cp package-lock.json "${TMPDIR:-/tmp}/bump-npm.$$"
  for kind in dependencies:--save-prod devDependencies:--save-dev optionalDependencies:--save-optional; do
    names=$(node -p "Object.entries(require('./package.json').${kind%:*}).map(([n, v]) => n + '@^' + v).join(' ')")
    # shellcheck disable=SC2086
    npm install --package-lock-only --ignore-scripts --no-audit --no-fund --save-exact "${kind#*:}" $names >&2 ||
      fail "npm did not find its versions" "look at its messages above"
  done
  versions='Object.entries(JSON.parse(require("fs").readFileSync(process.argv[1])).packages)
    .map(([path, { version }]) => path.replace(/^node_modules\//, "") + " " + version).join("\n")'
  node -p "$versions" "${TMPDIR:-/tmp}/bump-npm.$$" >"${TMPDIR:-/tmp}/bump-npm.$$.old"
  node -p "$versions" package-lock.json | diff "${TMPDIR:-/tmp}/bump-npm.$$.old" - | sed -n 's/^[<>]/  &/p'
  rm -f "${TMPDIR:-/tmp}/bump-npm.$$" "${TMPDIR:-/tmp}/bump-npm.$$.old"
}

case ${1:-} in
  --inside)
    shift
    inside "$@"
    exit 0
    ;;
  -h | --help)
    sed -n '2,/^set/{s/^# \{0,1\}//p;}' "$0"
    exit 0
    ;;
  debian) bump_debian ;;
  npm) bump_npm ;;
  '')
    bump_debian
    bump_npm
    ;;
  *) fail "unknown part $1" "image/bump.sh --help shows what there is" ;;
esac
