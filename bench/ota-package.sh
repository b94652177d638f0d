#!/bin/sh
# Puts the C library of Debian's next release over a root slot: bench/ota-package.sh <folder>. It comes through apt, which
# checks its signature, with a configuration of its own.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$1
mirror=$("$here/../bundle/debian-mirror.sh")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/none" "$work/state/lists/partial" "$work/cache/archives/partial"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg arch=arm64] $mirror sid main" >"$work/sources.list"
cat >"$work/apt.conf" <<END
Dir::State "$work/state";
Dir::State::status "/dev/null";
Dir::Cache "$work/cache";
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::parts "$work/none";
Dir::Etc::main "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "-";
APT::Architecture "arm64";
APT::Architectures "arm64";
APT::Sandbox::User "";
Acquire::Languages "none";
END
apt-get -c "$work/apt.conf" -qq update >&2
(cd "$work" && apt-get -c "$work/apt.conf" -qq download libc6:arm64 >&2)
dpkg-deb -x "$work"/libc6_*.deb "$work/root"
library=usr/lib/aarch64-linux-gnu/libc.so.6
mkdir -p "$out/${library%/*}"
cp "$work/root/$library" "$out/$library"
dpkg-deb -f "$work"/libc6_*.deb Version
