#!/usr/bin/env bash
# bench.sh [record | check | size]: measures networks on each core with the emulator, which counts instructions exactly.
#
#     record  writes the results to docs/benchmark.md
#     check   compares the results with docs/benchmark.md; fails if a figure has grown by more than 2 %, including the
#             code size of the 8-bit engine
#     size    prints the code sizes of the examples and of the engine in them
#
# Without an action, it prints the results. The counts depend on the compiler, so the record names it.
# Status 77: something that is needed is not installed; 2: there is no such action.
set -euo pipefail
cd "$(dirname "$0")/.."
action=${1:-print}
record=docs/benchmark.md

# Looks for the tools first, not after minutes of measuring.
missing() { echo "bench.sh: $1 is not installed" >&2 && exit 77; }
case $action in
print | record | check | size) ;;
*) echo "bench.sh: $action is neither record nor check nor size" >&2 && exit 2 ;;
esac
if [ "$action" != print ]; then
    # Both tools from one vendor: the nm of macOS may not read these files.
    readelf=readelf nm=nm
    command -v readelf >/dev/null || readelf=llvm-readelf nm=llvm-nm
    command -v $readelf >/dev/null || missing readelf
    command -v $nm >/dev/null || missing $nm
fi
if [ "$action" != size ]; then
    runners=(qemu-system-arm qemu-system-riscv32)
    [ "${NIN_HARDWARE:-0}" != 1 ] || runners=(probe-rs)
    for runner in "${runners[@]}"; do
        command -v "$runner" >/dev/null || missing "$runner"
    done
fi

# network, weights, lanes, board, and `fma` for fused multiply-add
runs=(
    'fashion f32 4 mps2-an386'
    'fashion f32 4 mps2-an386 fma'
    'fashion f16 4 mps2-an386'
    'fashion f16 4 mps2-an386 fma'
    'fashion int8 2 mps2-an386'
    'fashion int8 2 mps2-an505'
    'fashion int8 1 mps2-an385'
    'fashion int8 1 mps3-an547'
    'fashion int8 1 riscv32imc-virt'
    'fashion int4 2 mps2-an386'
    'fashion int8 1 microbit'
    'fashion f16 4 mps2-an385'
    'fashion-tiny f32 4 mps2-an386'
    'fashion-tiny f16 4 mps2-an386'
    'fashion-tiny int8 2 mps2-an386'
    'fashion-fast int8-affine 2 mps2-an386'
    'fashion-fast int8-affine 1 mps2-an385'
    'fashion-fast int8-affine 1 mps3-an547'
    'fashion-fast int8-affine 1 riscv32imc-virt'
    'fashion-fast int4-affine 2 mps2-an386'
    'd2l f32 4 mps2-an386'
    'd2l f32 4 mps2-an386 fma'
    'd2l f16 4 mps2-an386'
    'd2l int8 2 mps2-an386'
    'd2l int8 1 mps3-an547'
)

folder=target/bench
mkdir -p "$folder"

# core BOARD: prints the name of its processor.
core() { sed -nE '1,2s/.*(Cortex-M[0-9]+F?|RV32[A-Z]+).*/\1/p' "nin-embedded/boards/$1.x" | head -1; }

# sizes [EXAMPLE LEVEL]: prints a table of the examples, built for speed and for size, or of one of them at level 3 or
# s. The parts are told apart by their symbols, so inlined code counts for the function that contains it.
sizes() {
    echo '| example | core | optimised for | engine | reading the file | arithmetic and copying | rest and printing | constants | weights |'
    echo '| --- | --- | --- | --: | --: | --: | --: | --: | --: |'
    local example board level levels elf file
    for example in 'fashion mps2-an386' 'fashion-f16 mps2-an386' 'fashion-int8 mps2-an386' \
        'fashion-int8 stm32vldiscovery' 'fashion-int8 microbit' 'fashion-int8 mps3-an547' 'fashion-int8 riscv32imc-virt'; do
        read -r example board <<<"$example"
        # The kernels for weights in rows are measured in the build for size only, with the model file packed for them.
        levels='3 s'
        case $board in stm32vldiscovery | microbit | mps3-an547 | riscv32imc-virt) levels=s ;; esac
        for level in $levels; do
            [ $# = 0 ] || [ "$*" = "$example $level" ] || continue
            elf=$(CARGO_PROFILE_FIRMWARE_OPT_LEVEL=$level scripts/firmware.sh "$board" "$example" build 2>"$folder/log") || {
                status=$?
                cat "$folder/log" >&2
                return $status
            }
            file=nin-embedded/models/$example.nin
            [ "$levels" != s ] || file=nin-embedded/models/$example-plain.nin
            # `|| return`: `set -e` does not end a function inside a command substitution.
            { $readelf --sections --wide "$elf" | sed -E -n 's/^ *\[ *[0-9]+\] \.(text|rodata) /section .\1 /p' &&
              $nm --demangle --print-size "$elf"; } | awk -v "name=| \`$example\` | $(core "$board") | $([ "$level" = s ] && echo size || echo speed) |" \
                -v "weights=$(($(wc -c <"$file")))" '
                function hex(digits,   value, i) {
                    for (i = 1; i <= length(digits); i++) value = value * 16 + index("0123456789abcdef", substr(digits, i, 1)) - 1
                    return value
                }
                $1 == "section" { size[$2] = hex($6); next }
                # Two names for one piece of code count once.
                $3 !~ /^[tTwW]$/ || seen[$1]++ { next }
                { text = $0; sub(/^[^ ]+ [^ ]+ . /, "", text) }
                text ~ /fmt/ { next }
                text ~ /^[<&]*nin_core::(flow|kernel|format|network)|^nin_(int8|f32|f16)_/ { engine += hex($2); next }
                text ~ /^[<&]*nin_core::|^[<&]*crc::/ { reading += hex($2); next }
                text ~ /compiler_builtins|^__aeabi|^mem(cpy|set|move|cmp)$/ { builtins += hex($2); next }
                END {
                    print name, engine, "|", reading, "|", builtins, "|", size[".text"] - engine - reading - builtins, "|", \
                        size[".rodata"] - weights, "|", weights, "|"
                }' || return
        done
    done
}
if [ "$action" = size ]; then
    sizes
    exit
fi

# Makes the file of each network and the firmware of each board.
cargo build --quiet --package nin-tests --bin formula-model
built=
for run in "${runs[@]}"; do
    read -r network weights lanes board sums <<<"$run"
    model=$folder/$network-$weights-$lanes.nin
    cargo run --quiet --package nin-tests --bin formula-model -- "$network" "$weights" "$lanes" "$model"
    firmware=$folder/$board${sums:+-$sums}
    case "$built " in *" $firmware "*) continue ;; esac
    # A micro:bit has less RAM than the state that other boards reserve.
    state=
    [ "$board" != microbit ] || state=5120
    elf=$(env ${state:+NIN_STATE=$state} ${sums:+NIN_FUSED=1} scripts/firmware.sh "$board" bench 2>"$folder/log") || {
        status=$?
        cat "$folder/log" >&2
        exit $status
    }
    mv "$elf" "$firmware"
    built+=" $firmware"
done

# Runs one emulator per processor; other load does not change the counts. There is only one real board.
at_once=1
[ "${NIN_HARDWARE:-0}" = 1 ] || at_once=$(getconf _NPROCESSORS_ONLN)
measuring=()
trap 'kill $(jobs -rp) 2>/dev/null || true' EXIT
for number in "${!runs[@]}"; do
    # The bash of macOS has no `wait -n`.
    while [ "$(jobs -rp | wc -l)" -ge "$at_once" ]; do sleep 0.2; done
    read -r network weights lanes board sums <<<"${runs[number]}"
    NIN_BOARD=$board scripts/run.sh "$folder/$board${sums:+-$sums}" "models=$folder/$network-$weights-$lanes.nin" \
        >"$folder/$number.out" 2>&1 &
    measuring+=($!)
done
newline=$'\n'
rows=() details=()
for number in "${!runs[@]}"; do
    read -r network weights lanes board sums <<<"${runs[number]}"
    wait "${measuring[number]}" || {
        status=$?
        cat "$folder/$number.out" >&2
        exit $status
    }
    output=$(<"$folder/$number.out")
    row=$(awk -v "name=| \`$network\` | $weights${sums:+, $sums} | $(core "$board") |" '
        $1 == "total" { macs = $2; instructions = $3; ratio = $4 }
        $1 == "state:" { state = $2 }
        $1 == "stack:" { stack = $2 }
        END { print name, macs, "|", instructions, "|", ratio, "|", state, "|", stack, "|" }' <<<"$output")
    rows+=("$row")
    echo "$row" >&2
    # The firmware does not print how it was built: add it to the first line.
    [ -z "$sums" ] || output="${output%%"$newline"*}, built with $sums$newline${output#*"$newline"}"
    details+=("$output")
done

header='| network | weights | core | MACs | instructions | per MAC | state, bytes | stack, bytes |
| --- | --- | --- | --: | --: | --: | --: | --: |'
# The compiler that builds for the board.
compiler=$(LC_ALL=C grep -a -o 'rustc version [0-9.]*' "$folder/mps2-an386" | head -1 || true)

# An assignment by itself, so that a failure ends the script.
case $action in
record) sizes=$(sizes) ;;
check) sizes=$(sizes fashion-int8 s) ;;
esac

case $action in
print)
    echo "$header"
    printf '%s\n' "${rows[@]}"
    printf '\n%s\n' "${details[@]}"
    ;;
record)
    {
        echo '# Instructions, RAM and flash on a microcontroller'
        echo
        echo 'Written by `scripts/bench.sh record`. Each row is one image through a network on the emulator, which counts'
        echo "instructions exactly${compiler:+ (compiled by $compiler)}. \`scripts/bench.sh check\` fails if a figure grows by more than 2 %."
        echo
        echo '- MACs are multiply-accumulates, including those of padding.'
        echo '- State is the whole working memory of the network. Stack is the peak of the benchmark firmware, including printing.'
        echo '- Rows with `fma` use fused multiply-add: fewer instructions, different last bits, the same on every target. They do'
        echo '  not save cycles on a Cortex-M4, where a fused multiply-add takes three cycles and a product and a sum one each.'
        echo '- A Cortex-M3 computes floats in software.'
        echo '- A Cortex-M0+ runs the same code as a Cortex-M0.'
        echo
        echo "$header"
        printf '%s\n' "${rows[@]}"
        echo
        echo '## Code'
        echo
        echo 'Bytes of the linked examples in flash. Engine is the inference code with the kernels for the packing of the weights.'
        echo 'Constants include ten test images of 784 bytes. Weights are the model file.'
        echo
        echo "$sizes"
        echo
        echo '## Layer by layer'
        echo
        echo 'The work of a global average and of a last fully connected layer is not measured separately: their rows are 0, and'
        echo 'their work is in `rest` or in the block before. Most of the work of a pool is in the block before it.'
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
                if ($i !~ /^[0-9.]+$/) { print key ": no figure for " what[i - 5]; bad = 1 }
                else if (i != 7 && $i > was[key, i] * 1.02) {
                    print key ": " $i " " what[i - 5] ", the record has " was[key, i]; bad = 1
                }
            }
        }
        END { exit bad }' "$record" -
    awk -F ' *[|] *' '
        { key = $2 " on " $3 " built for " $4 }
        NF != 11 || $4 !~ /^(size|speed)$/ { next }
        FNR == NR { was[key] = $5; next }
        !(key in was) { print key ": not in the record"; bad = 1; next }
        $5 !~ /^[0-9]+$/ { print key ": no figure for the engine"; bad = 1; next }
        $5 > was[key] * 1.02 { print key ": " $5 " bytes of engine, the record has " was[key]; bad = 1 }
        END { exit bad }' "$record" - <<<"$sizes"
    echo "no figure has grown by more than 2 %"
    ;;
esac
