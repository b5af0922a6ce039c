#!/usr/bin/env bash
# study.sh [FLAGS OF TRAIN...]: the book's exercises on a reduced input: a NiN for 28×28 pixels, with one thing changed
# at a time, each trained with the flags given (two epochs if there are none). Prints what each network takes, then how
# well and how long each trained.
set -euo pipefail
cd "$(dirname "$0")/.."
flags=("$@")
[ ${#flags[@]} -gt 0 ] || flags=(--epochs 2)

names=(
    'two 1x1 layers a block, as in the book'
    'no 1x1 layers'
    'one 1x1 layer a block'
    'three 1x1 layers a block'
    '3x3 in the place of 1x1'
    'fully connected head (fc10) instead of gap'
    'no ReLU on the logits (gap fc10)'
    'from 48 channels to 10 in steps'
)
lines=(
    '1x28x28 nin5+2:32,32,32 max3/2 nin3+1:48,48,48 max3/2 nin3+1:10,10,10 gap'
    '1x28x28 nin5+2:32 max3/2 nin3+1:48 max3/2 nin3+1:10 gap'
    '1x28x28 nin5+2:32,32 max3/2 nin3+1:48,48 max3/2 nin3+1:10,10 gap'
    '1x28x28 nin5+2:32,32,32,32 max3/2 nin3+1:48,48,48,48 max3/2 nin3+1:10,10,10,10 gap'
    '1x28x28 nin5+2:32 nin3+1:32 nin3+1:32 max3/2 nin3+1:48 nin3+1:48 nin3+1:48 max3/2 nin3+1:10 nin3+1:10 nin3+1:10 gap'
    '1x28x28 nin5+2:32,32,32 max3/2 nin3+1:48,48,48 max3/2 nin3+1:10,10,10 fc10'
    '1x28x28 nin5+2:32,32,32 max3/2 nin3+1:48,48,48 max3/2 nin3+1:10,10,10 gap fc10'
    '1x28x28 nin5+2:32,32,32 max3/2 nin3+1:48,48,48 max3/2 nin3+1:32,20,10 gap'
)

cargo build --quiet --package nin-train
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
target/debug/nin-train plan "${lines[@]}"
printf '\nnin-train train %s\n\n  #  accuracy  seconds  network\n' "${flags[*]}"
for number in "${!lines[@]}"; do
    run=$folder/$number
    started=$SECONDS
    if target/debug/nin-train train --line "${lines[number]}" "${flags[@]}" --out "$run" --quiet >"$folder/log" 2>&1; then
        # Which images they are, if not those that were asked for.
        [ "$number" -gt 0 ] || grep '^note:' "$folder/log" >&2 || true
        accuracy=$(sed -n 's/^test accuracy \([0-9.]*\) %.*/\1/p' "$folder/log")
        printf '%3d  %6.2f %%  %7d  %s\n' $((number + 1)) "$accuracy" $((SECONDS - started)) "${names[number]}"
    elif grep -q 'the network died\|training diverged' "$folder/log"; then
        printf '%3d      died  %7d  %s\n' $((number + 1)) $((SECONDS - started)) "${names[number]}"
    else
        cat "$folder/log" >&2
        exit 1
    fi
done
