#!/bin/sh
# The program `umec` of a bundle; a link to it may lie anywhere on the PATH.
# A semi-space of 4 MiB halves the peak of memory under load, at no cost in speed.
lib=$(dirname "$(readlink -f "$0")")/../lib
export UMEC_NATS_SERVER="${UMEC_NATS_SERVER:-$lib/nats-server}"
exec "$lib/node" --max-semi-space-size=4 "$lib/umec.mjs" "$@"
