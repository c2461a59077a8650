#!/usr/bin/env bash
# Fuzzes the parsers with libFuzzer: run.sh [SECONDS per target, 3600] [TARGET…]. The growing corpora are kept in
# .dev/fuzz; an input that brings a target down is written to .dev/fuzz/findings and belongs into fuzz/corpus/TARGET.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../../.."
seconds=${1:-3600}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- material certificate request name cursor

[ -f build/fuzz/build.ninja ] || cmake --preset fuzz >/dev/null
cmake --build build/fuzz --target "${@/#/fuzz_}" >&2

work=.dev/fuzz
mkdir -p $work/findings
tests/keystore/fuzz/make_seeds.sh $work/seeds
result=0
for target in "$@"; do
  mkdir -p "$work/corpus/$target" "$work/seeds/$target"
  found=("$work/seeds/$target")
  [ -d "tests/keystore/fuzz/corpus/$target" ] && found+=("tests/keystore/fuzz/corpus/$target")
  echo "fuzz: $target for $seconds s" >&2
  build/fuzz/fuzz/fuzz_"$target" -max_total_time="$seconds" -max_len=16384 -timeout=10 -rss_limit_mb=2048 -verbosity=0 \
    -print_final_stats=1 -artifact_prefix="$work/findings/$target-" "$work/corpus/$target" "${found[@]}" || result=1
done
exit $result
