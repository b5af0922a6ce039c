//! Sets `cfg`s for the processor features that stable Rust's own `cfg`s do not tell.
//!
//! - `nin_dsp`: the DSP extension of Armv7E-M and Armv8-M (SMLAD and similar). Every Cortex-M4 and M7 has it. An
//!   Armv8-M core counts if `-C target-cpu` names one that has it; `nin_v8m` is then set too.
//! - `nin_m4f`: the FPU of a Cortex-M4F, M7 or M33, with its calling convention. (A Cortex-R has the convention too.)
//! - `nin_mla`: Thumb-2, which every Cortex-M has except the smallest.
//! - `nin_muls`: the smallest cores, Armv6-M and Armv8-M Baseline.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(nin_dsp, nin_m4f, nin_mla, nin_muls, nin_v8m)");
    println!("cargo::rerun-if-changed=build.rs");
    let target = std::env::var("TARGET").unwrap_or_default();
    // A target with an operating system counts as a host, which has other kernels.
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    if ["thumbv7em", "thumbv8m.main"].iter().any(|name| target.starts_with(name)) && target.ends_with("eabihf") {
        println!("cargo::rustc-cfg=nin_m4f");
    }
    if ["thumbv7m", "thumbv7em", "thumbv8m.main"].iter().any(|name| target.starts_with(name)) {
        println!("cargo::rustc-cfg=nin_mla");
    }
    if ["thumbv6m", "thumbv8m.base"].iter().any(|name| target.starts_with(name)) {
        println!("cargo::rustc-cfg=nin_muls");
    }
    let flags = std::env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let cores = ["cortex-m33", "cortex-m35p", "cortex-m55", "cortex-m85"];
    let named = cores.iter().any(|core| flags.contains(&format!("target-cpu={core}")));
    if target.starts_with("thumbv7em") || (target.starts_with("thumbv8m.main") && named) {
        println!("cargo::rustc-cfg=nin_dsp");
        // Build scripts of dependent crates read it as `DEP_NIN_CORE_DSP`.
        println!("cargo::metadata=dsp=1");
        if target.starts_with("thumbv8m") {
            println!("cargo::rustc-cfg=nin_v8m");
        }
    }
}
