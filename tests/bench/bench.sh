#!/usr/bin/env bash
# What `./dev bench` runs: our figures beside those of the peers, measured in turns in the same run (docs/measures.md).
#
#   bench.sh [--long] [--quick] [SECTION…]       sections: swap replace start memory handshakes keystores authority trust rehearsal console endurance
#
# Load generator and peers' configurations come from the shared tools (CHANCERY_TOOLS/perf), copied and built below build/.
set -euo pipefail
root=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
preset=${CHANCERY_PRESET:-release}
export CHANCERY_BIN=${CHANCERY_BIN:-$root/build/$preset/bin}
export CHANCERY_TOOLS=${CHANCERY_TOOLS:-$(dirname "$root")/shared/tools}
perf=$root/build/bench/perf

fail() { printf 'bench: %s\nhint: %s\n' "$1" "$2" >&2; exit 1; }

[ -x "$CHANCERY_BIN/chancery-portal" ] || fail "no programs in $CHANCERY_BIN" "CHANCERY_PRESET=release ./dev programs"
[ -f "$CHANCERY_TOOLS/perf/Makefile" ] || fail "no load generator in $CHANCERY_TOOLS/perf" "set CHANCERY_TOOLS to the folder of the shared tools"

mkdir -p "$perf"
cp -rTu --no-preserve=mode "$CHANCERY_TOOLS/perf" "$perf"
# The generator asks every server for /ok; ours answers /healthz, and the peers answer that as well.
sed -i 's#GET /ok HTTP#GET /healthz HTTP#' "$perf/src/tlsbench.c"
sed -i 's#echo -n ok > \$R/doc/ok;#echo -n ok > $R/doc/healthz;#' "$perf/scripts/serve.sh"
make -s -C "$perf" run pki/ec256-A.pem run/tlsbench run/epollsrv run/issue run/store >"$perf/make.log" 2>&1 || { cat "$perf/make.log" >&2; fail "the load generator does not build" "apt-get install gcc libssl-dev make"; }

exec python3 -B "$root/tests/bench/bench.py" "$@"
