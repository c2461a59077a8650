#!/usr/bin/env bash
# Kill and fail replace, append, restore and rollback at every file call, and replay power losses.
#
#   faults.sh all                       every operation, every kind of fault, every point: an hour or two
#   faults.sh OPERATION KIND [MAX]      OPERATION: replace append restore rollback import store-import;
#                                       KIND: kill ENOSPC EIO EDQUOT EMFILE EROFS (every_point.py), powerloss (../shared/tools)
#   faults.sh killat OPERATION KIND MAX the same by ../shared/tools/killat.sh: the first MAX of each call, reads included
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
export CHANCERY_BIN=${CHANCERY_BIN:-$here/../../build/bin}
export CHANCERY_TOOLS=${CHANCERY_TOOLS:-$here/../../../shared/tools}
# In memory where the system has a place for it: what counts are the file calls, not the disk.
where=/tmp
[ ! -d /dev/shm ] || where=/dev/shm

with_tool() {  # OPERATION KIND MAX
  local dir operation result=0 stage=$here/fault_stage.sh
  [ "$1" != store-import ] || stage=$here/store_stage.sh
  dir=$(mktemp -d "$where/chancery-faults-XXXXXX")
  export TMPDIR=$dir SSL_CERT_FILE=$dir/os.pem
  "$stage" make "$dir"
  "$stage" set-up "$dir"
  operation=$("$stage" operation "$dir" "$1")
  printf '%s %s: ' "$1" "$2"
  if [ "$2" = powerloss ]; then
    python3 "$CHANCERY_TOOLS/powerloss.py" "$dir/state" "$stage set-up $dir" "$operation" "$stage check $dir \$STATE" || result=1
  else
    bash "$CHANCERY_TOOLS/killat.sh" "$stage set-up $dir" "$operation" "$stage check $dir" "${3:-400}" "$2" || result=1
  fi
  rm -rf "$dir"
  return $result
}

one() {  # OPERATION KIND [MAX]
  # A store outside has a test of its own that tries every file call, and killat.sh for the rest.
  if [ "$2" = powerloss ] || [ "$1" = store-import ]; then with_tool "$@"; else python3 -B "$here/every_point.py" "$@"; fi
}

case ${1:-all} in
  all)
    failed=0
    for operation in replace append restore rollback import store-import; do
      for kind in powerloss kill ENOSPC EIO EDQUOT EMFILE EROFS; do
        one $operation $kind || failed=$((failed + 1))
      done
    done
    [ $failed = 0 ] || { echo "FAIL: $failed of 42"; exit 1; }
    echo PASS
    ;;
  killat) with_tool "$2" "$3" "$4" ;;
  *) one "$@" ;;
esac
