//! Sets `cfg`s for the processor features that stable Rust's own `cfg`s do not tell.
//!
//! - `nin_dsp`: the DSP extension of Armv7E-M and Armv8-M (SMLAD and similar). Every Cortex-M4 and M7 has it. An
//!   Armv8-M core counts if `-C target-cpu` names one that has it; `nin_v8m` is then set too.
//! - `nin_m4f`: the FPU of a Cortex-M4F, M7 or M33, with its calling convention. (A Cortex-R has the convention too.)
//! - `nin_mla`: Thumb-2 without Helium; every Cortex-M has Thumb-2 except the smallest.
//! - `nin_muls`: the smallest cores, Armv6-M and Armv8-M Baseline.
//! - `nin_mve`: Helium, the vector extension of a Cortex-M52, M55 or M85, if `-C target-cpu` names one of them.
//! - `nin_rv32`: a 32-bit RISC-V core with multiplication and 31 registers (RV32IM).

fn main() {
    println!("cargo::rustc-check-cfg=cfg(nin_dsp, nin_m4f, nin_mla, nin_muls, nin_mve, nin_rv32, nin_v8m)");
    println!("cargo::rerun-if-changed=build.rs");
    let target = std::env::var("TARGET").unwrap_or_default();
    // A target with an operating system counts as a host, which has other kernels.
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    if ["thumbv7em", "thumbv8m.main"].iter().any(|name| target.starts_with(name)) && target.ends_with("eabihf") {
        println!("cargo::rustc-cfg=nin_m4f");
    }
    if ["thumbv6m", "thumbv8m.base"].iter().any(|name| target.starts_with(name)) {
        println!("cargo::rustc-cfg=nin_muls");
    }
    if target.starts_with("riscv32im") {
        println!("cargo::rustc-cfg=nin_rv32");
    }
    let flags = std::env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let core = |names: &[&str]| {
        target.starts_with("thumbv8m.main") && names.iter().any(|name| flags.contains(&format!("target-cpu={name}")))
    };
    let mve = core(&["cortex-m52", "cortex-m55", "cortex-m85"]);
    if mve {
        println!("cargo::rustc-cfg=nin_mve");
    } else if ["thumbv7m", "thumbv7em", "thumbv8m.main"].iter().any(|name| target.starts_with(name)) {
        println!("cargo::rustc-cfg=nin_mla");
    }
    if target.starts_with("thumbv7em") || mve || core(&["cortex-m33", "cortex-m35p"]) {
        println!("cargo::rustc-cfg=nin_dsp");
        if target.starts_with("thumbv8m") {
            println!("cargo::rustc-cfg=nin_v8m");
        }
        // Build scripts of dependent crates read it as `DEP_NIN_CORE_DSP`. Helium is faster with one lane than these
        // instructions with two.
        if !mve {
            println!("cargo::metadata=dsp=1");
        }
    }
}
