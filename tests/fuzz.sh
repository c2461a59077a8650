#!/usr/bin/env bash
# libFuzzer on every parser: fuzz.sh [SECONDS each, 3600] [TARGET…]. Builds the fuzz preset with clang, lets the fuzz
# tests write their seeds, and runs all fuzz_* targets (or those named: "material") one after the other. What grew is
# kept in build/fuzz/corpus; an input that brings a target down is left in build/fuzz/findings, makes the result 1 and
# belongs into tests/fuzz/corpus/TARGET, which every `./dev test` runs.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
seconds=${1:-3600}
[ $# -gt 0 ] && shift
[ -f build/fuzz/build.ninja ] || cmake --preset fuzz >/dev/null
known=$(ninja -C build/fuzz -t targets all)
mapfile -t tests < <(sed -n 's/^\([a-z0-9]*_fuzz_test\): phony$/\1/p' <<<"$known" | sort -u)
mapfile -t targets < <(sed -n 's/^fuzz_\([a-z0-9_]*\): phony$/\1/p' <<<"$known" | sort -u)
[ $# -gt 0 ] && targets=("$@")
[ ${#targets[@]} -gt 0 ] || { echo "dev: there is no fuzz target" >&2; exit 1; }
cmake --build build/fuzz --target "${tests[@]}" "${targets[@]/#/fuzz_}" >&2

work=build/fuzz
mkdir -p $work/findings
for test in "${tests[@]}"; do
  CHANCERY_FUZZ_SEEDS=$PWD/$work/seeds "$work/tests-bin/$test" >/dev/null || { echo "dev: $test wrote no seeds" >&2; exit 1; }
done
result=0
for target in "${targets[@]}"; do
  folders=("$work/corpus/$target" "$work/seeds/$target")
  mkdir -p "${folders[@]}"
  [ -d "tests/fuzz/corpus/$target" ] && folders+=("tests/fuzz/corpus/$target")
  echo "== $target: $seconds s"
  log=$work/findings/$target.log
  if "$work/fuzz/fuzz_$target" -max_total_time="$seconds" -max_len=16384 -timeout=10 -rss_limit_mb=2048 -verbosity=1 \
      -print_final_stats=1 -artifact_prefix="$work/findings/$target-" "${folders[@]}" >"$log" 2>&1; then
    grep -E 'stat::(number_of_executed_units|peak_rss_mb)' "$log"
  else
    result=1
    tail -n 40 "$log"
  fi
done
[ $result = 0 ] && echo "no findings in ${#targets[@]} targets"
exit $result
