#!/usr/bin/env bash
# study.sh [FLAGS OF TRAIN...]: the book's exercises on a reduced input: a NiN for 28×28 pixels, with one thing changed
# at a time, each trained with the flags given (two epochs if there are none). Prints a table in Markdown, a row when its
# network is trained: what the network takes (RAM is that of the f32 engine), how long it trained and how well.
set -euo pipefail
# Numbers have a point, whatever the caller's language.
export LC_ALL=C
cd "$(dirname "$0")/.."
# Built where it is run from, whatever cargo's settings say.
export CARGO_TARGET_DIR=$PWD/target
flags=("$@")
[ ${#flags[@]} -gt 0 ] || flags=(--epochs 2)

names=(
    'two 1×1 layers a block, as in the book'
    'no 1×1 layers'
    'one 1×1 layer a block'
    'three 1×1 layers a block'
    '3×3 in the place of 1×1'
    '`fc10` instead of `gap`'
    'no ReLU on the logits'
    'a wide last block, then `gap fc10`'
    'from 48 channels to 10 in steps'
)
lines=(
    '1x28x28 nin5+2:32,32,32 max3/2 nin3+1:48,48,48 max3/2 nin3+1:10,10,10 gap'
    '1x28x28 nin5+2:32 max3/2 nin3+1:48 max3/2 nin3+1:10 gap'
    '1x28x28 nin5+2:32,32 max3/2 nin3+1:48,48 max3/2 nin3+1:10,10 gap'
    '1x28x28 nin5+2:32,32,32,32 max3/2 nin3+1:48,48,48,48 max3/2 nin3+1:10,10,10,10 gap'
    '1x28x28 nin5+2:32 nin3+1:32 nin3+1:32 max3/2 nin3+1:48 nin3+1:48 nin3+1:48 max3/2 nin3+1:10 nin3+1:10 nin3+1:10 gap'
    '1x28x28 nin5+2:32,32,32 max3/2 nin3+1:48,48,48 max3/2 nin3+1:10,10,10 fc10'
    # The last 1×1 layer comes after the average, and neither minds.
    '1x28x28 nin5+2:32,32,32 max3/2 nin3+1:48,48,48 max3/2 nin3+1:10,10 gap fc10'
    '1x28x28 nin5+2:32,32,32 max3/2 nin3+1:48,48,48 max3/2 nin3+1:48,48 gap fc10'
    '1x28x28 nin5+2:32,32,32 max3/2 nin3+1:48,48,48 max3/2 nin3+1:32,20,10 gap'
)

# takes LINE: parameters, MACs and RAM, as `nin-train plan` sums them up. Its columns are two or more blanks apart.
takes() {
    target/debug/nin-train plan "$1" | awk -F '   *' '
        $1 == "sum" && $3 $4 ~ /^[0-9,]+$/ && $5 ~ /^[0-9.,]+ ([KMG]i)?B$/ { print $3 " | " $4 " | " $5; found = 1 }
        END { exit !found }' || { echo "study.sh: no sums in the plan of $1" >&2 && exit 1; }
}

cargo build --quiet --package nin-train
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
printf 'nin-train train %s\n\n' "${flags[*]}"
echo '| network | parameters | MACs | RAM | seconds | test accuracy |'
echo '| --- | --: | --: | --: | --: | --: |'
for number in "${!lines[@]}"; do
    sums=$(takes "${lines[number]}")
    run=$folder/$number
    started=$SECONDS
    if target/debug/nin-train train --line "${lines[number]}" "${flags[@]}" --out "$run" --quiet >"$folder/log" 2>&1; then
        # Which images they are, if not those that were asked for.
        [ "$number" -gt 0 ] || grep '^note:' "$folder/log" >&2 || true
        result=$(sed -n 's/^test accuracy \([^:]*\):.*/\1/p' "$folder/log")
    elif grep -q 'the network died' "$folder/log"; then
        result=died
    elif grep -q 'training diverged' "$folder/log"; then
        result=diverged
    else
        cat "$folder/log" >&2
        exit 1
    fi
    echo "| ${names[number]} | $sums | $((SECONDS - started)) | $result |"
done
