#!/bin/sh
# Checks that a kernel's configuration has all that image/kernel/umec.config asks for: check-kernel.sh <.config>
#
# kconfig drops an option that lacks a dependency without a word. `=n` means that the option must not be set.
set -eu

[ $# = 1 ] || {
  echo 'usage: image/buildroot/board/check-kernel.sh <.config>' >&2
  exit 2
}
fragment=$(cd "$(dirname "$0")/../../kernel" && pwd)/umec.config
lost=
while read -r line; do
  case $line in
    CONFIG_*=n) ! grep -q "^${line%=n}=" "$1" || lost="$lost $line" ;;
    CONFIG_*=*) grep -qxF "$line" "$1" || lost="$lost $line" ;;
  esac
done <"$fragment"
[ -z "$lost" ] || {
  echo "check-kernel.sh: the configuration $1 lost:$lost" >&2
  echo "  find what each depends on, and add that to image/kernel/umec.config" >&2
  exit 1
}
