#!/usr/bin/env bash
# firmware.sh BOARD PROGRAM [build | run [ARGUMENTS]]: builds nin-embedded's PROGRAM for BOARD (nin-embedded/boards) and
# prints its size; `run` also runs it with scripts/run.sh.
#
#     scripts/firmware.sh mps2-an386 fashion run bits
#     scripts/firmware.sh mps2-an386 partition-int8 run models=int8.nin images=test-images.bin
#     scripts/firmware.sh nrf52840-dk fashion build
#
# Status 77: something that is needed is not installed.
set -euo pipefail
here=$PWD
cd "$(dirname "$0")/.."
board=$1 program=$2 action=${3:-build}
shift $(($# < 3 ? $# : 3))
# Paths of files are relative to the folder of the caller.
for word; do
    shift
    case $word in models=[!/]* | images=[!/]*) word=${word%%=*}=$here/${word#*=} ;; esac
    set -- "$@" "$word"
done

map=nin-embedded/boards/$board.x
if [ ! -f "$map" ]; then
    echo "firmware.sh: there is no board $board; there are $(cd nin-embedded/boards && echo *.x | sed 's/\.x//g')" >&2
    exit 2
fi
target=$(sed -n 's/^ \* target: //p' "$map")
optimise=$(sed -n 's/^ \* optimise: //p' "$map")
[ -z "$optimise" ] || export CARGO_PROFILE_FIRMWARE_OPT_LEVEL=$optimise
# On Armv8-M, DSP instructions are optional: the name of the core tells the compiler, and nin-core, whether it has them.
cpu=$(sed -n 's/^ \* cpu: //p' "$map")
if [ -n "$cpu" ] && [ -n "${RUSTFLAGS:-}" ]; then
    # If RUSTFLAGS is set, cargo ignores the flags of targets.
    export RUSTFLAGS="$RUSTFLAGS -C target-cpu=$cpu"
elif [ -n "$cpu" ]; then
    flags=CARGO_TARGET_$(echo "$target" | tr a-z.- A-Z__)_RUSTFLAGS
    export "$flags=${!flags:-} -C target-cpu=$cpu"
fi
export NIN_BOARD=$board

# A separate target directory: the tests build firmware while cargo may have locked the other one.
scripts/cargo-for.sh "$target" build --quiet --profile firmware --package nin-embedded --bin "$program" \
    --target-dir target/firmware >&2
elf=target/firmware/$board/$program
mkdir -p "target/firmware/$board"
cp "target/firmware/$target/firmware/$program" "$elf.$$"
mv "$elf.$$" "$elf"

# Without readelf (macOS) the size is not printed.
readelf=$(command -v readelf || command -v llvm-readelf || echo true)
"$readelf" --sections --wide "$elf" | sed 's/^ *\[ *[0-9]*\]//' | awk -v "name=$program for $board" '
    function hex(digits,   value, i) {
        for (i = 1; i <= length(digits); i++) value = value * 16 + index("0123456789abcdef", substr(digits, i, 1)) - 1
        return value
    }
    $1 ~ /^\.(vector_table|text|rodata|data)$/ { flash += hex($5) }
    $1 ~ /^\.(data|bss|uninit)$/ { ram += hex($5) }
    $1 == ".text" { code = hex($5) }
    END { if (NR > 0) printf "%s: flash %d bytes (code %d), static RAM %d bytes\n", name, flash, code, ram }' >&2

case $action in
build) echo "$elf" ;;
run) exec scripts/run.sh "$elf" "$@" ;;
*) echo "firmware.sh: $action is neither build nor run" >&2 && exit 2 ;;
esac
