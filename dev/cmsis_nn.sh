#!/usr/bin/env bash
# cmsis_nn.sh [record] [FOLDER]: what `fashion` and `d2l` take with CMSIS-NN's functions for 8 bits, beside this engine.
#
# FOLDER is a checkout of CMSIS-NN (https://github.com/ARM-software/CMSIS-NN, Apache-2.0). Without it, NIN_CMSIS_NN
# names one. The C program in dev/cmsis_nn runs the layers, compares all outputs with TensorFlow Lite's arithmetic, and
# counts instructions as scripts/bench.sh does. This engine's figures are those of docs/benchmark.md. `record` writes
# docs/cmsis-nn.md; without it, the tables are printed. It takes about three minutes.
# Status 77: something that is needed is not installed; 2: FOLDER is no checkout of CMSIS-NN.
set -euo pipefail
here=$PWD
cd "$(dirname "$0")/.."
action=print
if [ "${1:-}" = record ]; then action=record && shift; fi
source=${1:-${NIN_CMSIS_NN:-}}
case $source in '' | /*) ;; *) source=$here/$source ;; esac
if [ ! -f "$source/Include/arm_nnfunctions.h" ]; then
    echo "cmsis_nn.sh: ${source:+$source is no checkout of CMSIS-NN; }name a checkout of CMSIS-NN:" >&2
    echo "    git clone https://github.com/ARM-software/CMSIS-NN && dev/cmsis_nn.sh CMSIS-NN" >&2
    exit 2
fi
need() { command -v "$1" >/dev/null || { echo "cmsis_nn.sh: $1 is not installed (Debian: $2)" >&2 && exit 77; }; }
need arm-none-eabi-gcc 'gcc-arm-none-eabi libnewlib-arm-none-eabi'
need qemu-system-arm qemu-system-arm

folder=target/cmsis-nn record=docs/cmsis-nn.md measured=docs/benchmark.md
# The functions that these layers use, in any version since 2023.
files=(
    ConvolutionFunctions/arm_convolve_{wrapper_s8,s8,1x1_s8_fast,1x1_s8,1_x_n_s8,get_buffer_sizes_s8}
    ConvolutionFunctions/arm_nn_mat_mult_kernel_{s8_s16,row_offset_s8_s16}
    NNSupportFunctions/arm_nn_mat_mult_nt_t_s8
    NNSupportFunctions/arm_s8_to_s16_unordered_with_offset
    PoolingFunctions/arm_{max_pool_s8,avgpool_s8,avgpool_get_buffer_sizes_s8}
)
# Board, core, MHz of SysTick, flags of the core, and the options with the fewest instructions on `fashion`. Tried:
# -O2, -O3, -Ofast and -Os, vectorisation, loop unrolling, and CMSIS-NN's own options with the same outputs.
boards=(
    'mps3-an547|Cortex-M55|32|-mcpu=cortex-m55 -mfloat-abi=hard|-O3 -fno-tree-vectorize'
    'mps2-an386|Cortex-M4F|25|-mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16|-O2 -DCMSIS_NN_USE_REQUANTIZE_INLINE_ASSEMBLY -DOPTIONAL_RESTRICT_KEYWORD=__restrict'
)

# build BOARD MHZ CORE-FLAGS FLAGS: makes the program.
build() {
    local out=$folder/$1 file
    rm -rf "$out" && mkdir -p "$out"
    # shellcheck disable=SC2086
    for file in "${files[@]}"; do
        [ ! -f "$source/Source/$file.c" ] || arm-none-eabi-gcc $3 -mthumb $4 -ffunction-sections -I"$source/Include" \
            -c "$source/Source/$file.c" -o "$out/$(basename "$file").o"
    done
    # shellcheck disable=SC2086
    for file in dev/cmsis_nn/*.c; do
        arm-none-eabi-gcc $3 -mthumb -std=gnu11 -O2 -Wall -Wextra -ffunction-sections -DSYSTICK="${2}000000" \
            -I"$source/Include" -c "$file" -o "$out/$(basename "$file" .c).o"
    done
    # shellcheck disable=SC2086
    arm-none-eabi-gcc $3 -mthumb -nostartfiles -Wl,--gc-sections -Wl,--no-warn-rwx-segments \
        -T "nin-embedded/boards/$1.x" -T dev/cmsis_nn/board.ld "$out"/*.o -o "$out/bench.elf"
}

# Bytes of CMSIS-NN's functions in a program.
code() {
    arm-none-eabi-nm --print-size --radix=d "$1" |
        awk '$4 ~ /^arm_|^compare_and_replace|^clamp_output|^scale_q31/ { n += $2 } END { print n }'
}

# ours BOARD SIZE: the layers of a network in the record, as the program prints its own, without dropout.
ours() {
    sed -n "/^1x$2x$2 .*-*[0-9]* *gap with int8 weights on $1\$/,/^\`\`\`/p" "$measured" | sed -nE '
        s/^(convolution|maximum) +([0-9]+)x[0-9]+ +([0-9]+)x *([0-9]+)x *([0-9]+) +([0-9]+) +([0-9]+).*/layer \1 \2 \3 \4 \5 \6 \7/p
        s/^global average +([0-9]+)x.*/layer average 0 \1 1 1 0 0/p
        s/^(rest|state:|total) +([0-9]+)( +[0-9]+)?.*/\1 \2\3/p'
}

rows=() blocks=() layers=()
for board in "${boards[@]}"; do
    IFS='|' read -r name core mhz target flags <<<"$board"
    build "$name" "$mhz" "$target" "$flags"
    out=$folder/$name/out
    timeout "${NIN_TIMEOUT:-1200}" qemu-system-arm -M "$name" -display none -monitor none -serial none -icount shift=0 \
        -semihosting-config enable=on,target=native -kernel "$folder/$name/bench.elf" </dev/null >"$out" 2>&1 ||
        { cat "$out" >&2 && exit 1; }
    size=$(code "$folder/$name/bench.elf")
    for network in 'fashion 28' 'd2l 224'; do
        read -r title side <<<"$network"
        ours "$name" "$side" >"$out.ours"
        sed -n "/^network $title\$/,/^scratch/p" "$out" >"$out.theirs"
        # Lines for the three tables, marked by their first letter.
        lines=$(awk -v 'OFS= | ' -v "title=\`$title\` | $core" -v "code=$size" '
            function ratio(a, b) { return b ? sprintf("%.3f", a / b) : "" }
            function close_block() {
                print "b| " title, ++block, macs, mine, ratio(mine, macs), others, ratio(others, macs), \
                    sprintf("%.2f |", others / mine)
                macs = mine = others = 0
            }
            FNR == NR && $1 == "layer" { count[++n] = $8; shape[n] = $2 $4 $5; next }
            FNR == NR { if ($1 == "rest") rest = $2; if ($1 == "state:") state = $2; if ($1 == "total") all = $3; next }
            $1 == "layer" {
                i++
                if (shape[i] != $2 $4 $5) { print "e layer " i " of the record is another: " shape[i]; exit 1 }
                # The block of an output follows: the first layer of a block has a window.
                if ($2 == "convolution" && $3 > 1 && i > 1) close_block()
                macs += $7; mine += count[i]; others += $8; total += $7; their_all += $8
                print "l| " title, $2 " " $3 "×" $3, $4 "×" $5 "×" $6, $7, count[i], ratio(count[i], $7), $8, \
                    ratio($8, $7) " |"
            }
            $1 == "maps" { maps = $2 }
            $1 == "scratch" { scratch = $2 }
            END {
                if (i != n || !n) { print "e the record has other layers"; exit 1 }
                mine += rest
                close_block()
                print "r| " title, all, ratio(all, total), their_all, ratio(their_all, total), \
                    sprintf("%.2f", their_all / all), state, maps + scratch, code " |"
            }' "$out.ours" "$out.theirs") || { echo "cmsis_nn.sh: $title on $name: ${lines##*$'\n'e }" >&2 && exit 1; }
        while read -r line; do
            case $line in
            r*) rows+=("${line#r}") && echo "${line#r}" >&2 ;;
            b*) blocks+=("${line#b}") ;;
            l*) layers+=("${line#l}") ;;
            esac
        done <<<"$lines"
    done
done

# revision FILE: its version and date, as the file has them.
revision() {
    echo "\`$(basename "$1")\` $(sed -n 's/^ \* \$Revision: *//p' "$source/$1") of $(sed -n 's/^ \* \$Date: *//p' "$source/$1")"
}
tables() {
    echo '| network | core | this engine, instructions | per MAC | CMSIS-NN, instructions | per MAC | ratio | this engine, RAM | CMSIS-NN, RAM | CMSIS-NN, code |'
    echo '| --- | --- | --: | --: | --: | --: | --: | --: | --: | --: |'
    printf '%s\n' "${rows[@]}"
    printf '\n## Block by block\n\n'
    echo 'A block has three convolutions and the pool behind it. Where the ratio is less than 1, CMSIS-NN needs fewer'
    echo 'instructions. It takes four pixels at a time from a whole map, this engine from one row: rows of 6, 5 or 13 pixels leave'
    echo 'two pixels or one over, which share the loads of weights less.'
    echo
    echo '| network | core | block | MACs | this engine | per MAC | CMSIS-NN | per MAC | ratio |'
    echo '| --- | --- | --: | --: | --: | --: | --: | --: | --: |'
    printf '%s\n' "${blocks[@]}"
    printf '\n## Layer by layer\n\n'
    echo 'In this engine, most of the work of a pool, and all of the global average, is measured with the layers of its block.'
    echo
    echo '| network | core | layer | output | MACs | this engine | per MAC | CMSIS-NN | per MAC |'
    echo '| --- | --- | --- | --: | --: | --: | --: | --: | --: |'
    printf '%s\n' "${layers[@]}"
}
if [ "$action" = print ]; then
    tables
    exit
fi
{
    echo '# CMSIS-NN beside this engine'
    echo
    echo "Written by \`dev/cmsis_nn.sh record CMSIS-NN\`. Arm's CMSIS-NN runs the layers of two networks one after the other. The"
    echo 'emulator counts instructions exactly, on the same machines and in the same way as for [benchmark.md](benchmark.md), from'
    echo "which this engine's figures are. Emulators count no cycles."
    echo
    echo "- CMSIS-NN: $(revision Source/ConvolutionFunctions/arm_convolve_s8.c),"
    echo "  $(revision Source/NNSupportFunctions/arm_nn_mat_mult_nt_t_s8.c), $(revision Include/arm_nnsupportfunctions.h)."
    options=$(printf '%s\n' "${boards[@]}" | awk -F '|' '{ print "  - " $2 ": `" $5 "`" }')
    echo "- It is compiled by arm-none-eabi-gcc $(arm-none-eabi-gcc -dumpfullversion), with the options that gave the fewest instructions:"
    printf '%s\n' "$options"
    echo '- Weights are random. Each output of each layer equals that of a slow program in C with the arithmetic of TensorFlow Lite.'
    echo '- CMSIS-NN reads weights as TensorFlow Lite stores them. This engine reads weights that were packed for the core at export.'
    echo '- Both compute the same convolutions and maxima, bit for bit ([int8.md](int8.md)). CMSIS-NN rounds the last average to 8'
    echo '  bits; in this engine, logits are floats.'
    echo '- RAM of this engine is its whole state. That of CMSIS-NN is its largest pair of input and output map, and its scratch'
    echo '  buffer. They are in an external memory of the emulated boards, because those of `d2l` exceed 512 KiB.'
    echo "- Code of CMSIS-NN is that of its functions in the program. This engine's is in [benchmark.md](benchmark.md#code); it"
    echo '  includes what plans and moves rows, which the caller of CMSIS-NN provides.'
    echo
    tables
} >"$record"
