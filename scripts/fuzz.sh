#!/usr/bin/env bash
# Fuzz one target, or each in turn: scripts/fuzz.sh [MINUTES [TARGET...]]. Begins with the real input in ../shared/data where that is
# there. What it finds lies in fuzz/artifacts/TARGET: mend it, and put the input into fuzz/regressions/TARGET, which ./test runs.
set -euo pipefail
cd "$(dirname "$0")/.."
minutes="${1:-20}"
shift || true
targets=("$@")
if [ ${#targets[@]} = 0 ]; then
  mapfile -t targets < <(sed -n 's/^name = "\(.*\)"$/\1/p' fuzz/Cargo.toml | grep -v skein-fuzz)
fi
command -v cargo-fuzz >/dev/null || cargo install cargo-fuzz --locked
rustup toolchain list | grep -q nightly || rustup toolchain install nightly --profile minimal
data="${SKEIN_SHARED_DATA:-../shared/data}"
for target in "${targets[@]}"; do
  corpus="fuzz/corpus/$target"
  mkdir -p "$corpus"
  case "$target" in
    hl7_* | mllp_*) find "$data/hl7v2" -type f -size -64k -exec cp -n -t "$corpus" {} + 2>/dev/null || true ;;
    fhir_*) find "$data/uk-national" "$data/fhir" -type f -name '*.json' -size -64k -exec cp -n -t "$corpus" {} + 2>/dev/null || true ;;
  esac
  [ -d "fuzz/regressions/$target" ] && cp -n fuzz/regressions/"$target"/* "$corpus" 2>/dev/null || true
  echo "fuzzing $target for $minutes minutes"
  cargo +nightly fuzz run --fuzz-dir fuzz -O "$target" "$corpus" -- -max_total_time=$((minutes * 60)) -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
done
