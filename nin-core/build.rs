//! Tells the kernels what the processor has that `cfg` does not say on stable Rust.
//!
//! `nin_dsp`: the DSP extension of Armv7E-M and Armv8-M (SMLAD and the like). Every Cortex-M4 and M7 has it; of the
//! Armv8-M cores those named with `-C target-cpu`, for which it comes with `nin_v8m`. `nin_m4f`: the FPU of a
//! Cortex-M4F, M7 or M33 and the calling convention for it. (A Cortex-R has the convention, too.) `nin_mla`: Thumb-2,
//! as all Cortex-M have but the smallest. `nin_muls`: those, Armv6-M and Armv8-M Baseline.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(nin_dsp, nin_m4f, nin_mla, nin_muls, nin_v8m)");
    println!("cargo::rerun-if-changed=build.rs");
    let target = std::env::var("TARGET").unwrap_or_default();
    // With an operating system it is a host here, whose kernels are others.
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
        // `DEP_NIN_CORE_DSP` to the build scripts of those who depend on this crate.
        println!("cargo::metadata=dsp=1");
        if target.starts_with("thumbv8m") {
            println!("cargo::rustc-cfg=nin_v8m");
        }
    }
}
