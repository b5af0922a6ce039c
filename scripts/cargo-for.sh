#!/usr/bin/env bash
# cargo-for.sh TARGET[,TARGET...] COMMAND [ARGS]: runs `cargo COMMAND ARGS --target TARGET` for a processor without an
# operating system. It uses the installed toolchain if it has the target (`rustup target add TARGET`), and otherwise one
# that can build the core library from its sources (Debian: rustc-web and rust-web-src). Several targets are built in
# parallel.
# Status 77: no installed toolchain can build for all targets.
set -euo pipefail
IFS=, read -r -a targets <<<"$1"
command=$2
shift 2

words=() lacking=()
for target in "${targets[@]}"; do
    words+=(--target "$target")
    compgen -G "$(rustc --print target-libdir --target "$target")/libcore-*.rlib" >/dev/null || lacking+=("$target")
done
[ ${#lacking[@]} -gt 0 ] || exec cargo "$command" "${words[@]}" "$@"

for rustc in "$(command -v rustc)" /usr/bin/rustc; do
    [ -x "$rustc" ] || continue
    sysroot=$("$rustc" --print sysroot)
    [ -f "$sysroot/lib/rustlib/src/rust/library/Cargo.lock" ] || continue

    # A distribution's rustc has no linker for other processors. The default toolchain may have one.
    linker=$(compgen -G "$sysroot/lib/rustlib/*/bin/rust-lld" || compgen -G "$(rustc --print sysroot)/lib/rustlib/*/bin/rust-lld" ||
        command -v ld.lld || true)
    if [ -z "$linker" ]; then
        echo "cargo-for.sh: $rustc can build for ${targets[*]}, but there is no linker: install lld" >&2
        exit 77
    fi
    for target in "${targets[@]}"; do
        variable=$(echo "$target" | tr a-z.- A-Z__)
        export "CARGO_TARGET_${variable}_LINKER=$linker"
    done
    export RUSTC="$rustc" RUSTC_BOOTSTRAP=1
    # Clippy must have the version of the compiler; cargo looks for it on the PATH.
    [ "$command" != clippy ] || export PATH="$(dirname "$rustc"):$PATH"
    exec cargo "$command" "${words[@]}" -Zbuild-std=core "$@"
done

echo "cargo-for.sh: no toolchain for ${lacking[*]}: run \`rustup target add ${lacking[*]}\`, or install Debian's" \
    "rustc-web and rust-web-src" >&2
exit 77
