#!/usr/bin/env bash
# web.sh record | check: builds the WebAssembly engine of the page that `nin-train demo` writes.
#
#     record  builds nin-web, with and without SIMD instructions, and writes both files to nin-train/src/report/demo
#     check   builds both and compares them with these files
#
# The same compiler gives the same bytes on every computer, since the files contain no paths and line numbers. The
# compiler is Debian's rustc-web with rust-web-src; its version is in engine.txt. Another version gives other bytes, so
# `check` does not compare then; dev/check_demo.sh tests the page in any case. Status 77: something that is needed is
# not installed.
set -euo pipefail
cd "$(dirname "$0")/.."
action=${1:-}
place=nin-train/src/report/demo
folder=target/web
rustc=/usr/bin/rustc

[ -x $rustc ] && [ -f "$($rustc --print sysroot)/lib/rustlib/src/rust/library/Cargo.lock" ] || {
    echo "web.sh: no compiler with the standard library's sources: install Debian's rustc-web and rust-web-src" >&2
    exit 77
}
linker=$(compgen -G "$($rustc --print sysroot)/lib/rustlib/*/bin/rust-lld" ||
    compgen -G "$(rustc --print sysroot)/lib/rustlib/*/bin/rust-lld" || command -v wasm-ld || true)
[ -n "$linker" ] || { echo "web.sh: no linker for WebAssembly: install lld" >&2 && exit 77; }

# build NAME FEATURES: nin-web as target/web/NAME.wasm.
build() {
    RUSTC=$rustc RUSTC_BOOTSTRAP=1 CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$linker \
        CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS="-Zlocation-detail=none -Zunstable-options -Cpanic=immediate-abort -Ctarget-feature=$2 -Cstrip=symbols" \
        CARGO_PROFILE_FIRMWARE_DEBUG=false cargo build --quiet --locked --package nin-web --profile firmware \
        --target wasm32-unknown-unknown -Zbuild-std=core --target-dir "$folder/$1"
    cp "$folder/$1/wasm32-unknown-unknown/firmware/nin_web.wasm" "$folder/$1.wasm"
}

mkdir -p "$folder"
build simd +simd128
build plain -simd128
version=$($rustc --version)

case $action in
record)
    mkdir -p $place
    cp $folder/simd.wasm $place/engine-simd.wasm
    cp $folder/plain.wasm $place/engine.wasm
    echo "$version" >$place/engine.txt
    wc -c $place/*.wasm
    ;;
check)
    if [ "$version" != "$(cat $place/engine.txt)" ]; then
        echo "not compared: the files were built with $(cat $place/engine.txt), this is $version"
    elif cmp $folder/simd.wasm $place/engine-simd.wasm && cmp $folder/plain.wasm $place/engine.wasm; then
        echo "the engine of the page is up to date"
    else
        echo "web.sh: the engine of the page is out of date: run scripts/web.sh record" >&2
        exit 1
    fi
    ;;
*) echo "web.sh: $action is neither record nor check" >&2 && exit 2 ;;
esac
