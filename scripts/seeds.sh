#!/usr/bin/env bash
# seeds.sh [SEEDS [FLAGS OF TRAIN...]]: trains the same network from seeds 1 to SEEDS (20), for one epoch unless the
# flags say otherwise, and prints each seed's test accuracy and how many classes its network never answers; then how
# many runs came to their end, how many of these answer every class, how many one for all images, mean and spread.
set -euo pipefail
# Numbers have a point, whatever the caller's language.
export LC_ALL=C
cd "$(dirname "$0")/.."
# Built where it is run from, whatever cargo's settings say.
export CARGO_TARGET_DIR=$PWD/target
seeds=${1:-20}
[ $# -gt 0 ] && shift
flags=("$@")
[ ${#flags[@]} -gt 0 ] || flags=(--epochs 1)

cargo build --quiet --package nin-train
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
printf 'nin-train train %s\n\nseed  test accuracy  classes never answered\n' "${flags[*]}"
died=0 diverged=0
for seed in $(seq "$seeds"); do
    if target/debug/nin-train train "${flags[@]}" --seed "$seed" --out "$folder/$seed" --quiet >"$folder/log" 2>&1; then
        # Which images they are, if not those that were asked for.
        [ "$seed" -gt 1 ] || grep '^note:' "$folder/log" >&2 || true
        accuracy=$(sed -n 's/^test accuracy \([0-9.]*\) %.*/\1/p' "$folder/log")
        # "9 of 10", or nothing.
        never=$(sed -n 's/^\([0-9]* of [0-9]*\) classes never answered: .*/\1/p' "$folder/log")
        printf '%4d  %11.2f %%  %22s\n' "$seed" "$accuracy" "$never"
        echo "$accuracy ${never:-0 of many}" >>"$folder/accuracies"
    elif grep -q -e 'the network died' -e 'training diverged' "$folder/log"; then
        printf '%4d  %s\n' "$seed" "$(head -n 1 "$folder/log")"
        if grep -q 'the network died' "$folder/log"; then died=$((died + 1)); else diverged=$((diverged + 1)); fi
    else
        cat "$folder/log" >&2
        exit 1
    fi
done
touch "$folder/accuracies"
sort -n "$folder/accuracies" | awk -v seeds="$seeds" -v died="$died" -v diverged="$diverged" '
    { sum += $1; squares += $1 * $1; values[NR] = $1; whole += $2 == 0; same += $2 == $4 - 1 }
    END {
        printf "\n%d of %d runs lived (%d died, %d diverged); ", NR, seeds, died, diverged
        printf "%d answer every class, %d always the same", whole, same
        if (NR > 1) {
            mean = sum / NR
            spread = sqrt((squares - NR * mean * mean) / (NR - 1))
            printf ": %.2f %% ± %.2f (mean and standard deviation), from %.2f to %.2f", mean, spread, values[1], values[NR]
        }
        print ""
    }'
