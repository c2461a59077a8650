#!/usr/bin/env bash
# Kill and fail replace, append, restore and rollback at every file call, and replay power losses (../shared/tools).
#
#   faults.sh all               every operation, every kind of fault, every point: hours
#   faults.sh OPERATION KIND [MAX]     KIND: kill ENOSPC EIO EDQUOT EMFILE EROFS powerloss
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
tools=${CHANCERY_TOOLS:-$here/../../../shared/tools}
stage=$here/fault_stage.sh
# In memory where the system has a place for it: what counts are the file calls, not the disk.
where=/tmp
[ ! -d /dev/shm ] || where=/dev/shm

one() {  # OPERATION KIND MAX
  local dir
  dir=$(mktemp -d "$where/chancery-faults-XXXXXX")
  export TMPDIR=$dir
  if [ "$2" != kill ] && [ "$2" != powerloss ]; then
    # The tracer stops at the one call that counts instead of at every call (strace 6.1 sends no signals that way).
    mkdir "$dir/tracer"
    printf '#!/bin/sh\nexec %s --seccomp-bpf "$@"\n' "$(command -v strace)" >"$dir/tracer/strace"
    chmod +x "$dir/tracer/strace"
    local PATH=$dir/tracer:$PATH
  fi
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
