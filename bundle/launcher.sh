#!/bin/sh
# The program `umec` of a bundle; a link to it may lie anywhere on the PATH.
# Small boards first: a small semi-space and one malloc arena take 12 MiB off an idle node (bench/README.md). No flag here may
# change what V8 compiles: a start takes a fifth longer then (docs/bundle.md). UMEC_NODE_FLAGS has others in their place.
UMEC_LAUNCHER=$(readlink -f "$0")
export UMEC_LAUNCHER
lib=$(dirname "$UMEC_LAUNCHER")/../lib
main=umec
# A node may run newer scripts than these: lib/start.mjs verifies and chooses. Where there never were any, nothing is asked.
[ "${1-}" != run ] || [ ! -e "${UMEC_PROGRAM_DIR:-/nowhere}/current.json" ] || main=start
export UMEC_NATS_SERVER="${UMEC_NATS_SERVER:-$lib/nats-server}"
export MALLOC_ARENA_MAX="${MALLOC_ARENA_MAX:-1}"
# shellcheck disable=SC2086 # flags are words
exec "$lib/node" ${UMEC_NODE_FLAGS---max-semi-space-size=1} "$lib/$main.mjs" "$@"
