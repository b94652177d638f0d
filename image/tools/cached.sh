# For scripts that keep what they make in the cache; they source it.
#
#   cached <folder> <place> <make>   unless <place> is there: calls <make> with a new folder beside it
#
# <place> appears when it is whole, and a lock in <folder> lets one run at a time make it. What a run that was killed left
# behind goes with the next one.
cached() {
  [ ! -d "$2" ] || return 0
  mkdir -p "$1"
  exec 9>"$1/.lock"
  flock 9
  if [ ! -d "$2" ]; then
    rm -rf "$1"/making.*
    work=$(mktemp -d "$1/making.XXXXXX")
    chmod 755 "$work"
    "$3" "$work"
    mv "$work" "$2"
  fi
  exec 9>&-
}
