#!/usr/bin/env bash
# bench.sh [record | check]: what each network takes on each core, by the emulator's exact count of instructions.
# `record` writes the result to docs/benchmark.md; `check` compares with what stands there and fails if a figure has
# grown by more than 2 %. The counts depend on the compiler, so the record names it.
# Status 77: something that is needed is not installed.
set -euo pipefail
cd "$(dirname "$0")/.."
action=${1:-print}
record=docs/benchmark.md

# network, weights, lanes, board
runs=(
    'fashion f32 4 mps2-an386'
    'fashion f16 4 mps2-an386'
    'fashion int8 2 mps2-an386'
    'fashion int8 1 mps2-an385'
    'fashion int4 2 mps2-an386'
    'fashion f16 4 mps2-an385'
    'fashion-tiny f32 4 mps2-an386'
    'fashion-tiny f16 4 mps2-an386'
    'fashion-tiny int8 2 mps2-an386'
    'd2l f32 4 mps2-an386'
    'd2l f16 4 mps2-an386'
    'd2l int8 2 mps2-an386'
)

folder=target/bench
mkdir -p "$folder"
cargo build --quiet --package nin-tests --bin formula-model
rows=() details=()
for run in "${runs[@]}"; do
    read -r network weights lanes board <<<"$run"
    model=$folder/$network-$weights-$lanes.nin
    cargo run --quiet --package nin-tests --bin formula-model -- "$network" "$weights" "$lanes" "$model"
    # As a statement of its own: its status counts.
    output=$(scripts/firmware.sh "$board" bench run "models=$model" 2>"$folder/log") || {
        status=$?
        cat "$folder/log" >&2
        echo "$output" >&2
        exit $status
    }
    core=$(sed -n '1,2s/.*\(Cortex-M[0-9]*F*\).*/\1/p' "nin-embedded/boards/$board.x" | head -1)
    rows+=("$(awk -v "name=| \`$network\` | $weights | $core |" '
        $1 == "total" { macs = $2; instructions = $3; ratio = $4 }
        $1 == "state:" { state = $2 }
        $1 == "stack:" { stack = $2 }
        END { print name, macs, "|", instructions, "|", ratio, "|", state, "|", stack, "|" }' <<<"$output")")
    details+=("$output")
    echo "${rows[-1]}" >&2
done

header='| network | weights | core | MACs | instructions | per MAC | state, bytes | stack, bytes |
| --- | --- | --- | --: | --: | --: | --: | --: |'
# The compiler that builds for the board.
compiler=$(strings -n 8 target/firmware/mps2-an386/bench | grep -m1 -o 'rustc version [0-9.]*' || true)

case $action in
print)
    echo "$header"
    printf '%s\n' "${rows[@]}"
    printf '\n%s\n' "${details[@]}"
    ;;
record)
    {
        echo '# What a network takes on a microcontroller'
        echo
        echo 'Written by `scripts/bench.sh record`: one image through each network on the emulator, which counts'
        echo "instructions exactly${compiler:+; built by $compiler}. \`scripts/bench.sh check\` fails when a figure grows by more than"
        echo '2 %. State is all working memory of the network; the stack is the most there ever was, with the printing.'
        echo
        echo "$header"
        printf '%s\n' "${rows[@]}"
        echo
        echo '## Layer by layer'
        printf '\n```text\n%s\n```\n' "${details[@]}"
    } >"$record"
    ;;
check)
    printf '%s\n' "${rows[@]}" | awk -F ' *[|] *' '
        { key = $2 " " $3 " on " $4 }
        FNR == NR && NF == 10 { for (i = 6; i <= 9; i++) was[key, i] = $i; next }
        FNR == 1 { split("instructions,per MAC,bytes of state,bytes of stack", what, ",") }
        FNR != NR {
            for (i = 6; i <= 9; i++) {
                if (!((key, i) in was)) { print key ": not in the record"; bad = 1; break }
                if (i != 7 && $i > was[key, i] * 1.02) {
                    print key ": " $i " " what[i - 5] ", the record has " was[key, i]; bad = 1
                }
            }
        }
        END { exit bad }' "$record" -
    echo "no figure has grown by more than 2 %"
    ;;
*) echo "bench.sh: $action is neither record nor check" >&2 && exit 2 ;;
esac
