//! Tells the kernels what the processor has that `cfg` does not say on stable Rust.
//!
//! `nin_dsp`: the DSP extension of Armv7E-M and Armv8-M (SMLAD and the like). Every Cortex-M4 and M7 has it; of the
//! Armv8-M cores those named with `-C target-cpu`.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(nin_dsp)");
    println!("cargo::rerun-if-changed=build.rs");
    let target = std::env::var("TARGET").unwrap_or_default();
    let flags = std::env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let cores = ["cortex-m33", "cortex-m35p", "cortex-m55", "cortex-m85"];
    let named = cores.iter().any(|core| flags.contains(&format!("target-cpu={core}")));
    if target.starts_with("thumbv7em") || (target.starts_with("thumbv8m.main") && named) {
        println!("cargo::rustc-cfg=nin_dsp");
    }
}
