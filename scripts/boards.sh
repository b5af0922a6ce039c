#!/usr/bin/env bash
# boards.sh [record | check | BOARD...]: makes a project with `nin-train firmware` for each board, compiles it, compares
# its code, statics and stack with the bounds in the project's README, and runs it if there is an emulator for it. Prints
# a row of docs/boards.md for each board.
#
#     record    does this for all boards and writes the rows to docs/boards.md
#     check     does this for all boards and fails if the rows in docs/boards.md differ
#     BOARD...  does this for these boards only: names of `nin-train firmware --list`, perhaps with flags, for example
#               'pico --rows camera'
#
# NIN_MODEL=FILE takes this model instead of fashion-int8.nin.
#
# Status 1: a project does not compile, exceeds a bound, or its results differ from the host's; 77: something that is
# needed is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
here=$PWD
record=docs/boards.md
folder=$here/target/boards
# As scripts/firmware.sh, with the same profile: `core` is not built again.
target=$here/target/firmware
# Another model for the images of Fashion-MNIST shows whether the bounds hold for its kernels too.
network=${NIN_MODEL:-nin-embedded/models/fashion-int8.nin}
all=(
    pico 'pico --rows camera' 'pico --partition' pico2 'pico2 --rows camera' microbit
    'microbit --rows camera' microbit-v2 nrf52840-dk 'nrf52840-dk --rows camera'
    'nrf52840-dk --partition' nucleo-f401re nucleo-f411re nucleo-f429zi stm32f407g-disc1 nucleo-h743zi
    'nucleo-h743zi --rows camera' stm32vldiscovery netduinoplus2
    'netduinoplus2 --rows camera' 'netduinoplus2 --partition' esp32-c3 'esp32-c3 --rows camera' esp32-c6
    'esp32-c6 --rows camera' mps2-an385 mps2-an386 mps2-an500 mps2-an505 mps2-f429 mps3-an547 riscv32-virt
    'riscv32-virt --rows camera' 'riscv32-virt --partition' riscv32imc-virt
    'generic:STM32L476RGTx --flash 1M --ram 96K'
    'generic:MAX32660 --core cortex-m4f --clock 96M --flash 256K@0x0 --ram 96K@0x20000000'
)
case ${1:-print} in
record | check) action=$1 boards=("${all[@]}") ;;
*) action=print boards=("${@:-${all[@]}}") ;;
esac
needed() { # needed COMMAND
    command -v "$1" >/dev/null || { echo "boards.sh: $1 is not installed" >&2 && exit 77; }
}
needed readelf
mkdir -p "$folder"
cargo build --quiet --package nin-train

# build PROJECT TARGET [FLAGS]: with the linker of the toolchain, so that flip-link is not needed.
build() {
    local linker
    linker=CARGO_TARGET_$(echo "$2" | tr a-z.- A-Z__)_LINKER
    (
        cd "$1"
        case $2 in thumb*) export "$linker=${!linker:-rust-lld}" ;; esac
        "$here/scripts/cargo-for.sh" "$2" build --quiet --target-dir "$target" \
            --config 'profile.firmware.inherits="release"' --profile firmware "${@:3}"
    )
}

# promised PROJECT ELF [OUTPUT]: code, statics and, if it has run, the stack are no larger than the README has it.
promised() {
    local promise
    # Of these the README has KiB with one decimal.
    promise=$(sed -n 's/^| \(code, at most\|stack and other statics, at most\|working memory\) | \(.*\) |$/\2/p' "$1/README.md")
    readelf --sections --wide "$2" | sed 's/^ *\[ *[0-9]*\]//' | awk -v "name=$1" -v "promise=$promise" \
        -v "data=$(cat "$1/samples.bin" "$1/model.nin" | wc -c)" -v "partition=$(grep -c MODELS "$1/memory.x" 2>/dev/null)" \
        -v "model=$(wc -c <"$1/model.nin")" -v "stack=$(sed -n 's/^RAM: .*, \([0-9]*\) of stack$/\1/p' <<<"${3:-}")" '
        function hex(digits,   value, i) {
            for (i = 1; i <= length(digits); i++) value = value * 16 + index("0123456789abcdef", substr(digits, i, 1)) - 1
            return value
        }
        function number(text,   words) {
            split(text, words, " ")
            gsub(",", "", words[1])
            return words[1] * (words[2] == "KiB" ? 1024 : words[2] == "MiB" ? 1048576 : 1) + 52
        }
        # Flags A: in memory. NOBITS: not in flash. The stack of ESP32 is a section too, and so are the holes in its map.
        $0 ~ / A[A-Z]* +[0-9]+ +[0-9]+ +[0-9]+$/ || $0 ~ / WA[A-Z]* +[0-9]+ +[0-9]+ +[0-9]+$/ {
            if ($1 ~ /stack|dummy|^\.heap/) next
            if ($2 != "NOBITS") flash += hex($5)
            if ($0 ~ / WA[X]* /) ram += hex($5)
        }
        END {
            split(promise, promised, "\n")
            code = flash - data + (partition ? model : 0)
            if (code > number(promised[1])) problem = sprintf("code has %d bytes, but the README promises %s", code, promised[1])
            ram += stack
            if (ram - number(promised[2]) > number(promised[3]))
                problem = sprintf("statics and stack have %d bytes, but the README promises %s and %s", ram, promised[2], promised[3])
            printf "%s: code %d bytes, statics%s %d bytes\n", name, code, stack ? " and stack" : "", ram > "/dev/stderr"
            if (problem) { print "boards.sh: " name ": " problem > "/dev/stderr"; exit 1 }
        }'
}

# run PROJECT MACHINE ELF: what the program prints on the emulator.
run() {
    local command loader=() origin
    read -r -a command <<<"$2"
    origin=$(sed -n 's/^ *MODELS *: *ORIGIN = \(0x[0-9A-Fa-f]*\).*/\1/p' "$1/memory.x")
    [ -z "$origin" ] || loader=(-device "loader,file=$1/model.nin,addr=$origin,force-raw=on")
    timeout 300 "${command[@]}" "$3" ${loader[@]+"${loader[@]}"} </dev/null
}

rows=()
for board in "${boards[@]}"; do
    read -r -a words <<<"$board"
    name=$(echo "$board" | tr -c 'a-zA-Z0-9\n' - | tr A-Z a-z)
    project=$folder/$name
    # Keep the lock file of an earlier run: it has the same versions.
    lock=$(cat "$project/Cargo.lock" 2>/dev/null || true)
    rm -rf "$project"
    target/debug/nin-train firmware "$network" --dataset fashion-mnist-subset --board "${words[@]}" --out "$project" \
        --quiet >"$folder/log"
    [ -z "$lock" ] || echo "$lock" >"$project/Cargo.lock"
    triple=$(sed -n 's/^target = "\(.*\)"/\1/p' "$project/.cargo/config.toml")
    machine=$(sed -n 's/^runner = "\(qemu-.*\)"/\1/p' "$project/.cargo/config.toml" "$project/qemu.toml" 2>/dev/null || true)
    build "$project" "$triple" >&2 || {
        status=$?
        echo "boards.sh: $board: the project does not compile" >&2
        exit $status
    }
    elf=$target/$triple/firmware/$name
    how='compiled; **not run**, there is no emulator'
    output=
    if [ -n "$machine" ]; then
        needed "${machine%% *}"
        if [ -f "$project/qemu.toml" ]; then
            promised "$project" "$elf"
            build "$project" "$triple" --no-default-features --features qemu >&2
        fi
        output=$(run "$project" "$machine" "$elf")
        read -r -a command <<<"$machine"
        how="compiled; run in QEMU (\`${command[2]}\`)"
    elif [ "${words[0]}" = pico ] && [[ "$board" != *--partition* ]]; then
        needed npm
        [ -d target/rp2040js/node_modules/rp2040js ] ||
            npm install --silent --no-fund --no-audit --prefix target/rp2040js rp2040js@1.4.1 >&2
        output=$(timeout 600 node scripts/rp2040.mjs target/rp2040js "$elf" 600)
        how='compiled; run in rp2040js from the boot stage, output over UART 0 and USB'
    fi
    promised "$project" "$elf" "$output"
    if [ -n "$output" ]; then
        if ! grep -q '^10 of 10 as on the host, bit for bit$' <<<"$output"; then
            printf '%s\n' "$output" "boards.sh: $board: the results differ from the host's" >&2
            exit 1
        fi
        how+=': 10 of 10 as on the host'
    fi
    row="| \`$board\` | $triple | $how |"
    rows+=("$row")
    echo "$row"
done

table() {
    echo '| board | target | what CI does |'
    echo '| --- | --- | --- |'
    printf '%s\n' "${rows[@]}"
}
begin='<!-- Written by scripts/boards.sh record. -->'
case $action in
record)
    new=$(sed "/^$begin\$/q" "$record" && echo && table)
    echo "$new" >"$record"
    ;;
check) diff <(sed "1,/^$begin\$/d" "$record" | sed 1d) <(table) ;;
esac
