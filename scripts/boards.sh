#!/usr/bin/env bash
# boards.sh [record | check | BOARD...]: makes a project with `nin-train firmware` for each board, compiles it, and runs
# it if there is an emulator for it. Prints a row of docs/boards.md for each board.
#
#     record    does this for all boards and writes the rows to docs/boards.md
#     check     does this for all boards and fails if the rows in docs/boards.md differ
#     BOARD...  does this for these boards only: names of `nin-train firmware --list`, perhaps with flags, for example
#               'pico --rows camera'
#
# Status 1: a project does not compile, or its results differ from the host's; 77: something that is needed is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
record=docs/boards.md
folder=$PWD/target/boards
network=nin-embedded/models/fashion.nin
all=(
    pico 'pico --rows camera' 'pico --partition' microbit 'microbit --rows camera' microbit-v2 nrf52840-dk
    'nrf52840-dk --partition' nucleo-f401re nucleo-f411re nucleo-f429zi stm32f407g-disc1 nucleo-h743zi
    stm32vldiscovery netduinoplus2 'netduinoplus2 --partition' 'netduinoplus2 --rows camera'
    mps2-an385 mps2-an386 mps2-an500 mps2-an505
    'generic:STM32L476RGTx --flash 1M --ram 96K'
)
case ${1:-print} in
record | check) action=$1 boards=("${all[@]}") ;;
*) action=print boards=("${@:-${all[@]}}") ;;
esac
mkdir -p "$folder"
cargo build --quiet --package nin-train
rows=()
for board in "${boards[@]}"; do
    read -r -a words <<<"$board"
    name=$(echo "$board" | tr -c 'a-zA-Z0-9\n' - | tr A-Z a-z)
    project=$folder/$name
    # Keep the lock file of an earlier run: it has the same versions.
    lock=$(cat "$project/Cargo.lock" 2>/dev/null || true)
    rm -rf "$project"
    target/debug/nin-train firmware "$network" --dataset fashion-mnist-subset --board "${words[@]}" --out "$project" --quiet >"$folder/log"
    [ -z "$lock" ] || echo "$lock" >"$project/Cargo.lock"
    target=$(sed -n 's/^target = "\(.*\)"/\1/p' "$project/.cargo/config.toml")
    machine=$(sed -n 's/^runner = "\(qemu-.*\)"/\1/p' "$project/.cargo/config.toml" "$project/qemu.toml" 2>/dev/null || true)
    here=$PWD
    build() { # build [FLAGS]: uses the linker of the toolchain instead of flip-link
        (
            cd "$project"
            linker=CARGO_TARGET_$(echo "$target" | tr a-z.- A-Z__)_LINKER
            case $target in thumb*) export "$linker=${!linker:-rust-lld}" ;; esac
            "$here/scripts/cargo-for.sh" "$target" build --release --quiet --target-dir "$folder/target" "$@"
        )
    }
    build >&2 || {
        status=$?
        echo "boards.sh: $board: the project does not compile" >&2
        exit $status
    }
    elf=$folder/target/$target/release/$name
    how='compiled; **not run**, there is no emulator'
    output=
    if [ -n "$machine" ]; then
        [ ! -f "$project/qemu.toml" ] || build --no-default-features --features qemu >&2
        read -r -a command <<<"$machine"
        if ! command -v "${command[0]}" >/dev/null; then
            echo "boards.sh: ${command[0]} is not installed" >&2
            exit 77
        fi
        loader=()
        origin=$(sed -n 's/^ *MODELS *: *ORIGIN = \(0x[0-9A-Fa-f]*\).*/\1/p' "$project/memory.x")
        [ -z "$origin" ] || loader=(-device "loader,file=$project/model.nin,addr=$origin,force-raw=on")
        output=$(timeout 300 "${command[@]}" "$elf" ${loader[@]+"${loader[@]}"} </dev/null)
        how="compiled; run in QEMU (\`${command[2]}\`)"
    elif [ "${words[0]}" = pico ] && [[ "$board" != *--partition* ]]; then
        command -v npm >/dev/null || { echo "boards.sh: npm is not installed" >&2 && exit 77; }
        [ -d target/rp2040js/node_modules/rp2040js ] ||
            npm install --silent --no-fund --no-audit --prefix target/rp2040js rp2040js@1.4.1 >&2
        output=$(timeout 600 node scripts/rp2040.mjs target/rp2040js "$elf" 600)
        how='compiled; run in rp2040js from the boot stage, output over UART 0'
    fi
    if [ -n "$output" ]; then
        if ! grep -q '^10 of 10 as on the host, bit for bit$' <<<"$output"; then
            printf '%s\n' "$output" "boards.sh: $board: the results differ from the host's" >&2
            exit 1
        fi
        how+=': 10 of 10 as on the host'
    fi
    row="| \`$board\` | $target | $how |"
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
