#!/bin/sh
# Prints the mirror of Debian to fetch from: UMEC_DEBIAN_MIRROR, or the one that this machine's apt uses for a release
# of Debian itself (not for its security or update suites).
#
#   --security   the one for its security suite instead: UMEC_DEBIAN_SECURITY_MIRROR, or what lies beside the other as
#                debian-security; nothing when that is not there, or the variable is `none`
set -eu

machine_mirrors() {
  # shellcheck disable=SC2016
  apt-get indextargets --format '$(SITE) $(COMPONENT) $(RELEASE) $(LABEL)' 'Created-By: Packages' 2>/dev/null |
    sed -n 's/^\([^ ]*\) main [a-z]* Debian$/\1/p'
  # Without downloaded lists apt does not tell whose release it is; then the release's name decides.
  apt-get update --print-uris 2>/dev/null |
    sed -n -E "s#^'([^']*)/dists/(bookworm|trixie|sid|oldstable|stable|unstable)/InRelease'.*#\1#p"
}

mirror=${UMEC_DEBIAN_MIRROR:-$(machine_mirrors | head -n 1)}
if [ -z "$mirror" ]; then
  echo "debian-mirror.sh: this machine's apt knows no mirror of Debian" >&2
  echo "debian-mirror.sh:   set UMEC_DEBIAN_MIRROR to one, as in http://host/debian" >&2
  exit 1
fi
if [ "${1:-}" = --security ]; then
  security=${UMEC_DEBIAN_SECURITY_MIRROR:-}
  if [ -z "$security" ]; then
    security=${mirror%/}-security
    # Not every mirror has it, and apt ends with an error where a source is missing.
    probe=$(mktemp)
    /usr/lib/apt/apt-helper -qq download-file "$security/dists/trixie-security/InRelease" "$probe" >/dev/null 2>&1 ||
      security=none
    rm -f "$probe"
  fi
  [ "$security" = none ] || printf '%s\n' "$security"
  exit 0
fi
printf '%s\n' "$mirror"
