#!/bin/sh
# The program `umec` of a bundle; a link to it may lie anywhere on the PATH.
# Small boards first: these flags and one malloc arena take 17 MiB off an idle node, for a quarter of a throughput
# that no board comes near; bench/README.md has the figures. UMEC_NODE_FLAGS has others in their place.
UMEC_LAUNCHER=$(readlink -f "$0")
export UMEC_LAUNCHER
lib=$(dirname "$UMEC_LAUNCHER")/../lib
main=umec
# A node may run newer scripts than these: lib/start.mjs verifies and chooses. Where there never were any, nothing is asked.
[ "${1-}" != run ] || [ ! -e "${UMEC_PROGRAM_DIR:-/nowhere}/current.json" ] || main=start
export UMEC_NATS_SERVER="${UMEC_NATS_SERVER:-$lib/nats-server}"
export MALLOC_ARENA_MAX="${MALLOC_ARENA_MAX:-1}"
# shellcheck disable=SC2086 # flags are words
exec "$lib/node" ${UMEC_NODE_FLAGS---max-semi-space-size=2 --optimize-for-size} "$lib/$main.mjs" "$@"
