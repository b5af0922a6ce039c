#!/usr/bin/env bash
# c.sh header | check | size: generates, checks and measures the C library nin-c.
#
#     header  writes nin-c/include/nin.h from the source
#     check   compares the header with the source; compiles the example for this computer and for a Cortex-M4F, runs
#             both, and compares their logits with those of Rust, for each weight type; checks that the library has no
#             global data and which functions cannot panic
#     size    prints a table of code sizes
#
# Status 77: something that is needed is not installed.
set -euo pipefail
cd "$(dirname "$0")/.."
action=${1:-}
folder=target/c
mkdir -p "$folder"

target=thumbv7em-none-eabihf
core=(-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16)
warnings=(-std=c11 -Wall -Wextra -Wpedantic -Werror)

need() { # need COMMAND PACKAGE
    command -v "$1" >/dev/null || { echo "c.sh: $1 is not installed (Debian: $2)" >&2 && exit 77; }
}

header() { # header FILE: generates the header from the source
    need cbindgen cbindgen-web
    (cd nin-c && cbindgen --quiet --config cbindgen.toml --output "$1" .)
}

formula() { # formula LINE|PRESET TYPE LANES FILE [THRESHOLD]: writes a model with weights by formula
    cargo run --quiet --locked --package nin-tests --bin formula-model -- "$@"
}

# for_board NAME LEVEL [FLAGS]: builds the library for the board and keeps it as NAME.a.
for_board() {
    CARGO_PROFILE_FIRMWARE_OPT_LEVEL=$2 CARGO_PROFILE_FIRMWARE_DEBUG=false scripts/cargo-for.sh "$target" rustc --quiet \
        --locked --package nin-c --crate-type staticlib --profile firmware --target-dir target/firmware "${@:3}"
    cp "target/firmware/$target/firmware/libnin_c.a" "$folder/$1.a"
}

# calls LIBRARY OUT FUNCTION...: links a program that contains only these functions and those that they call.
calls() {
    local library=$1 out=$2 function
    shift 2
    {
        for function; do echo "void $function(void);"; done
        echo 'void *volatile address; void _start(void) {'
        for function; do echo "address = (void *)$function;"; done
        echo '}'
    } >"$folder/calls.c"
    arm-none-eabi-gcc "${core[@]}" -Os -nostdlib -Wl,--gc-sections -Wl,-z,noexecstack "$folder/calls.c" "$library" -lgcc -o "$out"
}

functions=$(sed -nE 's/^[a-z_0-9 A-Z]*[ *](nin_[a-z_]+)\(.*/\1/p' nin-c/include/nin.h)
# The functions that are proven not to panic. The others contain bounds checks, which never fail for a valid model.
cannot_panic=(nin_argmax nin_top_k nin_softmax nin_status_text)

check_header() {
    header "$PWD/$folder/nin.h"
    diff nin-c/include/nin.h "$folder/nin.h" ||
        { echo "c.sh: nin-c/include/nin.h is out of date: run scripts/c.sh header" >&2 && return 1; }
}

# Runs the example on this computer and on the emulator: both print the same lines, with the logits of the Rust engine.
check_example() {
    local models=$folder/models name model
    mkdir -p "$models"
    cp nin-embedded/models/fashion.nin "$models/f32.nin"
    cp nin-embedded/models/fashion-f16.nin "$models/f16.nin"
    cp nin-embedded/models/fashion-int8.nin "$models/int8.nin"
    cp nin-embedded/models/fashion-int8-plain.nin "$models/int8-plain.nin"
    formula fashion int4 2 "$models/int4.nin"
    formula fashion-fast int8-affine 2 "$models/int8-affine.nin"
    formula fashion-fast int4-affine 2 "$models/int4-affine.nin"
    formula fashion int8 2 "$models/threshold.nin" 0.2
    tail -c +17 nin-embedded/images/fashion-images | od -An -v -tu1 | sed -E 's/ +([0-9]+)/\1,/g' >"$folder/images.inc"
    cargo build --quiet --locked --package nin-c
    for_board board 3
    for model in "$models"/*.nin; do
        name=$(basename "$model" .nin)
        cargo run --quiet --locked --package nin-train -- export "$model" --c "$folder/$name/model.h" >/dev/null
        cc "${warnings[@]}" -Inin-c/include -I"$folder/$name" -I"$folder" nin-c/examples/classify.c target/debug/libnin_c.a \
            -lpthread -ldl -lm -o "$folder/$name/host"
        "$folder/$name/host" >"$folder/$name/host.txt"
        arm-none-eabi-gcc "${core[@]}" "${warnings[@]}" -O2 --specs=rdimon.specs -Inin-c/include -I"$folder/$name" -I"$folder" \
            -Wl,--gc-sections -Wl,-z,noexecstack -T nin-c/examples/mps2.ld nin-c/examples/classify.c nin-c/examples/mps2.c \
            "$folder/board.a" -o "$folder/$name/board.elf"
        timeout 120 qemu-system-arm -M mps2-an386 -display none -monitor none -serial none \
            -semihosting-config enable=on,target=native -kernel "$folder/$name/board.elf" </dev/null >"$folder/$name/board.txt"
        cmp "$folder/$name/host.txt" "$folder/$name/board.txt"
        cargo run --quiet --locked --package nin-embedded --bin partition -- "models=$model" |
            sed -nE 's/^(image [0-9]+: .*), [0-9]+ [a-z]+$/\1/p; /^    logits/p' >"$folder/$name/rust.txt"
        diff "$folder/$name/host.txt" "$folder/$name/rust.txt"
        [ "$(grep -c logits "$folder/$name/rust.txt")" = 10 ]
        echo "$name: answers and logits of ten images are equal in C on this computer, in C on the emulator, and in Rust"
    done
    # A model with a threshold rejects some of them.
    case $(grep -c 'none of these' "$folder/threshold/host.txt") in [1-9]) ;; *)
        echo "c.sh: the model with a threshold rejects none or all" >&2 && return 1 ;;
    esac
    echo '#include "nin.h"' | c++ -std=c++11 -Wall -Wextra -Werror -Inin-c/include -fsyntax-only -x c++ -
}

# Checks that there is no writable data, so that functions can run at the same time.
check_data() {
    local data
    calls "$folder/board.a" "$folder/all.elf" $functions
    data=$(arm-none-eabi-nm "$folder/all.elf" | awk '$2 ~ /^[dDbBC]$/ && $3 != "address" && $3 !~ /^_|^__/ { print $3 }')
    [ -z "$data" ] || { echo "c.sh: the library has global data: $data" >&2 && return 1; }
    echo "the library has no global data"
}

# Checks which functions cannot panic: a panic calls a function that does not exist, so such a program does not link.
check_panics() {
    local function proven=()
    for_board no-panic 3 --features prove-no-panic
    for function in $functions; do
        ! calls "$folder/no-panic.a" "$folder/one.elf" "$function" 2>"$folder/one.err" || proven+=("$function")
    done
    echo "cannot panic: ${proven[*]}"
    grep -q nin_may_panic <(calls "$folder/no-panic.a" "$folder/one.elf" nin_run 2>&1 || true) ||
        { echo "c.sh: the proof does not work: nin_run links" >&2 && return 1; }
    for function in "${cannot_panic[@]}"; do
        case " ${proven[*]} " in *" $function "*) ;; *) echo "c.sh: $function may panic" >&2 && return 1 ;; esac
    done
}

sizes() {
    need arm-none-eabi-gcc gcc-arm-none-eabi
    local level features
    echo '| weight types | optimised for | code and constants, bytes |'
    echo '| --- | --- | --: |'
    for level in 3 s; do
        for features in int8 f32 f32,f16,int8,int4; do
            for_board size "$level" --no-default-features --features "$features"
            calls "$folder/size.a" "$folder/size.elf" nin_open nin_run nin_push nin_finish nin_argmax nin_class_name
            echo "| ${features//,/, } | $([ "$level" = s ] && echo size || echo speed) | $(arm-none-eabi-size "$folder/size.elf" | awk 'NR == 2 { print $1 }') |"
        done
    done
}

case $action in
header) header "$PWD/nin-c/include/nin.h" ;;
check)
    need arm-none-eabi-gcc 'gcc-arm-none-eabi libnewlib-arm-none-eabi'
    need qemu-system-arm qemu-system-arm
    need cc gcc
    check_header
    check_example
    check_data
    check_panics
    ;;
size) sizes ;;
*) echo "c.sh: $action is neither header nor check nor size" >&2 && exit 2 ;;
esac
