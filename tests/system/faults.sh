#!/usr/bin/env bash
# Kill and fail replace, append, restore and rollback at every file call, and replay power losses (../shared/tools).
#
#   faults.sh all               every operation, every kind of fault, every point: hours
#   faults.sh OPERATION KIND [MAX]     KIND: kill ENOSPC EIO EDQUOT EMFILE EROFS powerloss
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
tools=${CHANCERY_TOOLS:-$here/../../../shared/tools}
stage=$here/fault_stage.sh

one() {  # OPERATION KIND MAX
  local dir
  dir=$(mktemp -d /tmp/chancery-faults-XXXXXX)
  TMPDIR=$dir
  export TMPDIR
  "$stage" make "$dir"
  "$stage" set-up "$dir"
  local operation result=0
  operation=$("$stage" operation "$dir" "$1")
  printf '%s %s: ' "$1" "$2"
  if [ "$2" = powerloss ]; then
    SSL_CERT_FILE=$dir/os.pem python3 "$tools/powerloss.py" "$dir/state" "$stage set-up $dir" "$operation" "$stage check $dir \$STATE" || result=1
  else
    SSL_CERT_FILE=$dir/os.pem bash "$tools/killat.sh" "$stage set-up $dir" "$operation" "$stage check $dir" "$3" "$2" || result=1
  fi
  rm -rf "$dir"
  return $result
}

if [ "${1:-all}" = all ]; then
  failed=0
  for operation in replace append restore rollback; do
    for kind in powerloss kill ENOSPC EIO EDQUOT EMFILE EROFS; do
      one $operation $kind 2000 || failed=$((failed + 1))
    done
  done
  [ $failed = 0 ] || { echo "FAIL: $failed of 28"; exit 1; }
  echo PASS
else
  one "$1" "$2" "${3:-2000}"
fi
