#!/bin/sh
# Prints the folder of the development PKI, and makes it if there is none. What it signs, images that were built on this
# machine believe, and nobody else's; releases are signed by keys in a token (docs/update.md).
#
#   ca.key, ca.pem            the root of trust: an elliptic curve key (P-256), valid for 30 years
#   signing.key, signing.pem  signs bundles: extended key usage codeSigning alone, valid for 2 years
#   keyring.pem               what a node believes; goes into the image as /etc/rauc/keyring.pem
#
# It lies in ${XDG_DATA_HOME:-~/.local/share}/umec/pki, outside of the clone; UMEC_PKI names another folder. Keys are for
# their owner alone (0600). It appears when it is whole, and one run at a time makes it. Whoever loses it can't update by
# bundles what was flashed with its keyring: keep a copy.
#
#   --renew   a new signing key and certificate by the same root, before the old one expires; nodes need nothing
set -eu

tools=$(cd "$(dirname "$0")/../tools" && pwd)
place=${UMEC_PKI:-${XDG_DATA_HOME:-$HOME/.local/share}/umec/pki}

say() { printf 'pki: %s\n' "$*" >&2; }

# fail <what> <what to do next>
fail() {
  say "$1"
  say "  $2"
  exit 1
}

# in_folder <folder> <openssl's arguments>…: its messages only when it fails
in_folder() {
  folder=$1
  shift
  said=$(cd "$folder" && "$tools/run" openssl "$@" 2>&1) || fail "openssl $1: $said" "look at the message above"
}

new_key() { in_folder "$1" genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$2"; }

# root_of_trust <folder>
root_of_trust() {
  new_key "$1" ca.key
  in_folder "$1" req -x509 -new -key ca.key -out ca.pem -days 10950 -subj "/O=uMEC/CN=development of $(id -un)" \
    -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign
  cp "$1/ca.pem" "$1/keyring.pem"
}

# signer <folder>
signer() {
  new_key "$1" signing.key
  in_folder "$1" req -x509 -new -key signing.key -CA ca.pem -CAkey ca.key -out signing.pem -days 730 \
    -subj '/O=uMEC/CN=bundles' -addext basicConstraints=critical,CA:FALSE \
    -addext keyUsage=critical,digitalSignature -addext extendedKeyUsage=critical,codeSigning
}

renew=
case ${1:-} in
  -h | --help)
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p;}' "$0"
    exit 0
    ;;
  --renew) renew=yes ;;
  '') ;;
  *)
    say "unknown option $1"
    say "  image/ota/pki.sh --help shows what there is"
    exit 2
    ;;
esac
umask 077
mkdir -p "$(dirname "$place")"
if [ ! -d "$place" ]; then
  exec 9>"$place.lock"
  flock 9
  if [ ! -d "$place" ]; then
    rm -rf "$place".making.*
    work=$(mktemp -d "$place.making.XXXXXX")
    root_of_trust "$work"
    signer "$work"
    mv "$work" "$place"
    renew=
    say "made the development PKI in $place"
  fi
fi
if [ -n "$renew" ]; then
  [ -e "$place/ca.key" ] || fail "there is no ca.key in $place" "bring it back for as long as this takes"
  work=$(mktemp -d "$place/making.XXXXXX")
  cp "$place/ca.key" "$place/ca.pem" "$work"
  signer "$work"
  mv "$work/signing.key" "$work/signing.pem" "$place"
  rm -rf "$work"
fi
printf '%s\n' "$place"
