#!/bin/sh
# Buildroot calls it, as root of the fakeroot, before the root file system is packed: post-fakeroot.sh <tree>
#
# No file of the image has set-user-id or set-group-id: nothing on a node needs it, and systemd starts all services.
set -eu

find "$1" -xdev -type f -perm /6000 -exec chmod ug-s {} +
