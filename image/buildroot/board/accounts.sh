#!/bin/sh
# Puts users and groups into an image's account files: accounts.sh <etc> <sysusers.d file>...
#
# <etc> holds passwd, group and shadow. The lines `u`, `u!`, `g` and `m` of sysusers.d(5) are understood, with numbers
# only; a user gets a group of its name. Who is there already gets the number of the file, all others keep theirs, and
# a second run changes nothing. mkusers, which Buildroot runs later, leaves numbers of known names as they are.
set -eu

[ $# -ge 2 ] || {
  echo 'usage: image/buildroot/board/accounts.sh <etc> <sysusers.d file>...' >&2
  exit 2
}
etc=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# fields: kind, name, number, group's number, comment, home, shell; members: m, user, group
awk '
  /^[[:space:]]*(#|$)/ { next }
  $1 == "m" { print "m:" $2 ":" $3; next }
  $1 == "g" { print "g:" $2 ":" $3; group[$3] = $2; next }
  $1 == "u" || $1 == "u!" {
    split($3, id, ":")
    comment = ""
    rest = $0
    if (match(rest, /"[^"]*"/)) {
      comment = substr(rest, RSTART + 1, RLENGTH - 2)
      rest = substr(rest, RSTART + RLENGTH)
    } else {
      rest = ""
    }
    count = split(rest, more, " ")
    home = count >= 1 && more[1] != "-" ? more[1] : "/"
    shell = count >= 2 && more[2] != "-" ? more[2] : "/usr/sbin/nologin"
    if (id[2] == "") id[2] = id[1]
    if (!(id[2] in group)) print "g:" $2 ":" id[2]
    print "u:" $2 ":" id[1] ":" id[2] ":" comment ":" home ":" shell
    next
  }
  { print "accounts.sh: this line is not understood: " $0 >"/dev/stderr"; exit 1 }
' "$@" >"$work/wanted"

# replace <file> <awk program that prints the new lines from the list of what is wanted>
replace() {
  awk -F : "$2" "$work/wanted" >"$work/new"
  awk -F : 'NR == FNR { known[$1] = 1; next } !($1 in known)' "$work/new" "$1" >"$work/old"
  # Who stays must not have a number that is given away. The group of nobody goes by two names.
  awk -F : -v file="$1" '
    NR == FNR { taken[$3] = $1; next }
    $3 in taken && $3 == 65534 { next }
    $3 in taken { print "accounts.sh: " file ": " $1 " has the number of " taken[$3] ", " $3 >"/dev/stderr"; exit 1 }
    { print }
  ' "$work/new" "$work/old" >"$work/kept"
  cat "$work/new" "$work/kept" >"$1"
}

replace "$etc/passwd" '$1 == "u" { print $2 ":x:" $3 ":" $4 ":" $5 ":" $6 ":" $7 }'
replace "$etc/group" '
  $1 == "m" { members[$3] = members[$3] (members[$3] == "" ? "" : ",") $2 }
  $1 == "g" && !($2 in number) { order[++count] = $2; number[$2] = $3 }
  END { for (i = 1; i <= count; i++) print order[i] ":x:" number[order[i]] ":" members[order[i]] }
'
# No password fits `*`, and dropbear lets in with a key who is not locked; `!` is locked. People's homes hold their keys.
awk -F : '$1 == "u" { print $2 ":" ($6 ~ "^/data/ssh/" ? "*" : "!*") ":::::::" }' "$work/wanted" >"$work/new"
awk -F : 'NR == FNR { known[$1] = 1; next } !($1 in known)' "$work/new" "$etc/shadow" >"$work/old"
cat "$work/new" "$work/old" >"$etc/shadow"
