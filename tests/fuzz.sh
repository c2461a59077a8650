#!/usr/bin/env bash
# libFuzzer on every parser, SECONDS each (an hour where nothing is said): builds the fuzz preset with clang and runs all
# fuzz_* targets one after the other. A finding stops it and leaves the input beside the target's corpus.
set -euo pipefail
root=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
seconds=${1:-3600}
cd "$root"
cmake --preset fuzz >/dev/null
cmake --build build/fuzz
mapfile -t targets < <(find build/fuzz -type f -executable -name 'fuzz_*' | sort)
[ ${#targets[@]} -gt 0 ] || { echo "dev: no fuzz target was built" >&2; exit 1; }
for target in "${targets[@]}"; do
  name=$(basename "$target")
  corpus=build/fuzz/corpus/$name
  mkdir -p "$corpus"
  echo "== $name: $seconds s"
  "$target" -max_total_time="$seconds" -timeout=25 -rss_limit_mb=2048 -artifact_prefix="build/fuzz/$name-" -print_final_stats=1 "$corpus" 2>&1 | tail -n 8
done
echo "no findings in ${#targets[@]} targets"
