#!/usr/bin/env bash
# run.sh ELF [ARGUMENTS]: runs a firmware for $NIN_BOARD, on QEMU if it emulates the board, otherwise on hardware with
# probe-rs. NIN_HARDWARE=1 selects hardware in any case.
#
#     models=FILE  writes a model file to the board's model partition
#     images=FILE  writes test images behind the model (`nin-train data --raw FILE` makes them)
#
# QEMU passes the other ARGUMENTS to the firmware; probe-rs cannot.
# Status: 0 or 1 from the firmware; 77: something that is needed is not installed; 124: it took too long.
set -euo pipefail
elf=$1 && shift
map=$(dirname "$0")/../nin-embedded/boards/${NIN_BOARD:=mps2-an386}.x
value() { sed -n "s/^ \* $1: //p" "$map"; }
models=$(sed -n 's/^ *MODELS *: *ORIGIN = \(0x[0-9A-Fa-f]*\).*/\1/p' "$map")
file= images=
for word; do
    case $word in
    models=*) file=${word#models=} ;;
    images=*) images=${word#images=} ;;
    esac
done
for path in "$file" "$images"; do
    [ -z "$path" ] || [ -r "$path" ] || { echo "run.sh: $path does not exist or cannot be read" >&2 && exit 2; }
done
if [ -n "$images" ] && [ -z "$file" ]; then
    echo "run.sh: images=$images needs a model: add models=FILE" >&2
    exit 2
fi
if [ -n "$file" ] && [ -z "$models" ]; then
    echo "run.sh: $NIN_BOARD has no partition for a model" >&2
    exit 2
fi

if [ -n "$images" ]; then
    # One file for the partition: the model, and the images at the next multiple of 16 bytes.
    both=$(mktemp)
    trap 'rm -f "$both"' EXIT
    size=$(wc -c <"$file")
    { cat "$file" && head -c $(((16 - size % 16) % 16)) /dev/zero && cat "$images"; } >"$both"
    file=$both
fi

machine=$(value qemu)
if [ -n "$machine" ] && [ "${NIN_HARDWARE:-0}" != 1 ]; then
    # Without -bios none, a RISC-V machine would load its own firmware first.
    emulator=(qemu-system-arm)
    case $(value target) in riscv32*) emulator=(qemu-system-riscv32 -bios none) ;; esac
    command -v "${emulator[0]}" >/dev/null || { echo "run.sh: ${emulator[0]} is not installed" >&2 && exit 77; }
    # In QEMU's options, a comma ends a value, and two commas are one.
    semihosting=enable=on,target=native,arg=emulator
    for word; do
        case $word in models=* | images=*) ;; *) semihosting+=,arg=${word//,/,,} ;; esac
    done
    # macOS has no `timeout`.
    limit=()
    ! command -v timeout >/dev/null || limit=(timeout "${NIN_TIMEOUT:-600}")
    # -icount shift=0: one virtual nanosecond per instruction, so that the same run always gives the same counts.
    ${limit[@]+"${limit[@]}"} "${emulator[@]}" -M "$machine" -display none -monitor none -serial none -icount shift=0 \
        -semihosting-config "$semihosting" -kernel "$elf" \
        ${file:+-device "loader,file=${file//,/,,},addr=$models,force-raw=on"} </dev/null
    exit
fi

chip=$(value chip)
[ -n "$chip" ] || { echo "run.sh: $NIN_BOARD exists only on the emulator" >&2 && exit 2; }
command -v probe-rs >/dev/null || { echo "run.sh: probe-rs is not installed: cargo install probe-rs-tools" >&2 && exit 77; }
for word; do
    case $word in
    models=* | images=*) ;;
    *) echo "run.sh: $word is ignored: probe-rs cannot pass arguments to the firmware" >&2 ;;
    esac
done
[ -z "$file" ] || probe-rs download --chip "$chip" --binary-format bin --base-address "$models" "$file"
probe-rs run --chip "$chip" "$elf"
