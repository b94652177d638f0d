#!/bin/sh
# Makes a clone ready to work in; says nothing, and takes no time, when there is nothing to do.
#
#   1. The npm packages, exactly as package-lock.json has them, and with them the Node.js that all else runs on:
#      when node_modules/.umec-stamp is not the lock's checksum. The stamp is written last, so an installation
#      that was cut off is done again.
#   2. nats-server, into the cache of bundle/nats-server.sh.
#   3. node_modules/.bin/umec, the program.
set -eu
cd "$(dirname "$0")/.."

stamp=node_modules/.umec-stamp
node=node_modules/.bin/node

# fail <what> <what to do next>
fail() {
  printf 'setup: %s\nsetup:   %s\n' "$1" "$2" >&2
  exit 1
}

# need <program> <Debian's package>
need() {
  command -v "$1" >/dev/null || fail "there is no $1 here" "install it, on Debian with: apt-get install $2"
}

need git git
need make make

wanted="$(sha256sum <package-lock.json) $(uname -m)"
if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$wanted" ]; then
  need node nodejs
  need npm npm
  major=$(node -p 'process.versions.node.split(".")[0]')
  [ "$major" -ge 20 ] || fail "this machine's node is $(node --version), too old for npm" "install Node.js >= 20"
  echo 'setup: installing the npm packages' >&2
  npm ci --loglevel=error >&2 || fail "npm ci did not succeed" "look at its message above, and run it again"
  case $("$node" --version 2>/dev/null) in
    v24.*) ;;
    *) fail "$node is not Node.js 24" "is there a package node-linux-<architecture> for $(uname -m)?" ;;
  esac
  printf '%s\n' "$wanted" >"$stamp"
fi

bundle/nats-server.sh >/dev/null

cmp -s .ci/launcher.sh node_modules/.bin/umec || install -m 755 .ci/launcher.sh node_modules/.bin/umec
