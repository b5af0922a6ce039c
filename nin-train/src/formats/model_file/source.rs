//! Generates the Rust source that compiles a model into a firmware.

use std::fmt::Write;

use nin_core::{Kernels, Plan, WeightType};

use crate::support::text::{self, visible};

/// The contents of a generated Rust source; see [`rust_source`].
#[derive(Clone, Debug)]
pub struct RustSource<'a> {
    /// The architecture and its sizes.
    pub plan: &'a Plan,
    /// The weight type of the model file.
    pub weight_type: WeightType,
    /// The kernels of the target board. They need different amounts of RAM for integer weights.
    pub kernels: Kernels,
    /// The names of the classes by label, if there are any.
    pub class_names: &'a [String],
    /// Path of the model file, relative to the Rust file's folder.
    pub model_file: &'a str,
    /// Limit of the network's RAM in bytes; the build fails if the network needs more.
    pub ram_budget: usize,
    /// The command that generates this file.
    pub command: &'a str,
}

/// Returns Rust source that reads the model file at compile time and defines its working memory.
pub fn rust_source(source: &RustSource<'_>) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_source(&mut text, source);
    text
}

fn write_source(text: &mut String, source: &RustSource<'_>) -> std::fmt::Result {
    let plan = source.plan;
    let (kind, variant) = match source.weight_type {
        WeightType::F16 => ("F16", "WeightType::F16"),
        WeightType::Int8 => ("Int8", "WeightType::Int8"),
        WeightType::Int4 => ("Int4", "WeightType::Int4"),
        WeightType::Affine => ("Affine", "WeightType::Affine"),
        WeightType::AffineInt4 => ("AffineInt4", "WeightType::AffineInt4"),
        _ => ("F32", "WeightType::F32"),
    };
    // The firmware contains the kernels for the packing of the file only.
    let format = match (source.weight_type, source.kernels) {
        (WeightType::Int8, Kernels::Dsp) => "Int8<2>",
        (WeightType::Int8, Kernels::Plain) => "Int8<1>",
        _ => kind,
    };
    let integers = source.weight_type.is_integer();
    let (words, taken) = match source.kernels {
        // A host's kernels need more RAM; the budget is for the board.
        Kernels::Dsp if integers => {
            (format!("PLAN.state_words({variant})"), format!("PLAN.bytes({variant}, Kernels::Dsp).total()"))
        }
        // The same on every target: plain packing runs on plain kernels.
        Kernels::Plain if integers => {
            (format!("PLAN.bytes({variant}, Kernels::Plain).total() / 4"), "size_of::<State>()".to_owned())
        }
        _ => (format!("PLAN.state_words({variant})"), "size_of::<State>()".to_owned()),
    };
    writeln!(text, "//! A Network in Network for {} classes, ready to compile into a firmware.", plan.classes())?;
    writeln!(text, "//!")?;
    writeln!(text, "//! Made by nin-train {} with", env!("CARGO_PKG_VERSION"))?;
    writeln!(text, "//!")?;
    writeln!(text, "//!     {}", one_line(source.command))?;
    writeln!(text, "//!")?;
    writeln!(text, "//! Run that again rather than edit this file. The model is read from {:?}", source.model_file)?;
    writeln!(
        text,
        "//! while the firmware compiles: a broken file, or a network over its memory budget, fails the build."
    )?;
    writeln!(text, "//!")?;
    writeln!(text, "//! | parameters | multiply-accumulates | weights |")?;
    writeln!(text, "//! | ---------: | -------------------: | ------: |")?;
    writeln!(text, "//! | {} | {} | {} |", plan.parameters(), plan.macs(), source.weight_type.name())?;
    writeln!(text)?;
    writeln!(text, "#![allow(dead_code)] // Not every firmware uses everything.")?;
    writeln!(text)?;
    let kernels = if integers && source.kernels != Kernels::Wide { "Kernels, " } else { "" };
    writeln!(
        text,
        "use nin_core::{{Aligned, {kind}, {kernels}Model, Network, NetworkError, Plan, Spec, WeightType}};"
    )?;
    writeln!(text)?;
    writeln!(text, "/// The architecture.")?;
    writeln!(text, "#[rustfmt::skip]")?;
    writeln!(text, "pub const LINE: &str = {:?};", plan.spec().to_string())?;
    writeln!(text)?;
    writeln!(text, "/// Its shapes and sizes.")?;
    writeln!(text, "pub const PLAN: Plan = Plan::new(Spec::new(LINE));")?;
    writeln!(text)?;
    writeln!(text, "/// Bytes of RAM that the network may take.")?;
    writeln!(text, "pub const RAM_BUDGET: usize = {};", source.ram_budget)?;
    writeln!(text)?;
    if source.class_names.is_empty() {
        writeln!(text, "/// The names of the classes by label; this model has none.")?;
    } else {
        writeln!(text, "/// The names of the classes by label.")?;
    }
    writeln!(text, "#[rustfmt::skip]")?;
    writeln!(text, "pub const CLASSES: [&str; {}] = [", source.class_names.len())?;
    for name in source.class_names {
        writeln!(text, "    {name:?},")?;
    }
    writeln!(text, "];")?;
    writeln!(text)?;
    writeln!(
        text,
        "/// Working memory: rows on their way through the network. Put one into a `static` or on the stack."
    )?;
    writeln!(text, "pub type State = [u32; {words}];")?;
    writeln!(text)?;
    writeln!(text, "/// Fresh working memory.")?;
    writeln!(text, "#[allow(clippy::large_const_arrays)] // It is copied once, into its place.")?;
    writeln!(text, "pub const STATE: State = [0; {words}];")?;
    writeln!(text)?;
    writeln!(text, "const _: () = assert!({taken} <= RAM_BUDGET, \"the model does not fit its RAM budget\");")?;
    writeln!(text)?;
    if integers && source.kernels == Kernels::Dsp {
        writeln!(text, "const _: () = assert!(")?;
        writeln!(text, "    !matches!(Kernels::HERE, Kernels::Plain),")?;
        writeln!(
            text,
            "    \"the weights are packed for DSP instructions, which this core is not known to have: quantize with \\"
        )?;
        writeln!(text, "    --lanes 1, or name an Armv8-M core that has them with -C target-cpu\"")?;
        writeln!(text, ");")?;
        writeln!(text)?;
    }
    writeln!(text, "#[rustfmt::skip]")?;
    writeln!(text, "static FILE: &Aligned<[u8]> = &Aligned(*include_bytes!({:?}));", source.model_file)?;
    writeln!(text)?;
    writeln!(text, "/// The model, read in place.")?;
    writeln!(text, "// Checking the file's CRC while compiling takes a while, and is meant to.")?;
    writeln!(text, "#[allow(long_running_const_eval)]")?;
    writeln!(text, "pub static MODEL: Model<'static> = match Model::read(&FILE.0) {{")?;
    writeln!(text, "    Ok(model) => model,")?;
    writeln!(text, "    Err(_) => panic!(\"the model file is broken: export it again\"),")?;
    writeln!(text, "}};")?;
    writeln!(text)?;
    writeln!(text, "/// The network, working in `state`.")?;
    writeln!(text, "///")?;
    writeln!(text, "/// # Errors")?;
    writeln!(text, "///")?;
    writeln!(text, "/// If this build of nin-core has no kernels for the packing of the weights.")?;
    writeln!(text, "pub fn network(state: &mut State) -> Result<Network<'_, {format}>, NetworkError> {{")?;
    writeln!(text, "    Network::new(&MODEL, state)")?;
    writeln!(text, "}}")?;
    Ok(())
}

/// Returns a command as one line, so that it cannot end the comment that contains it, without the control characters that
/// the compiler refuses.
fn one_line(text: &str) -> String {
    visible(&text::one_line(text)).into_owned()
}

#[cfg(test)]
mod tests {
    use nin_core::{Kernels, Plan, Spec, WeightType};

    use super::{RustSource, rust_source};
    use crate::support::text::is_hidden_control;

    #[test]
    fn text_from_outside_stays_in_its_place() {
        let plan = Plan::new(Spec::new("1x4x4 nin3:2 gap"));
        let names = ["say \"no\"".to_owned(), "a\\b".to_owned()];
        let text = rust_source(&RustSource {
            plan: &plan,
            weight_type: WeightType::F16,
            kernels: Kernels::HERE,
            class_names: &names,
            model_file: "my \"model\"\u{202e}.nin",
            ram_budget: 1024,
            command: "nin-train export\nfn evil() {} \u{202e}\u{1b}",
        });
        assert!(text.contains(r#"    "say \"no\"","#));
        assert!(text.contains(r#"    "a\\b","#));
        assert!(text.contains(r#"include_bytes!("my \"model\"\u{202e}.nin")"#));
        assert!(text.contains("//!     nin-train export fn evil() {} \\u202e\\u001b\n"));
        // The compiler refuses overrides of direction even in comments.
        assert!(!text.contains(|c: char| c != '\n' && is_hidden_control(c)));
        assert!(text.contains("state_words(WeightType::F16)"));
        assert!(text.lines().all(|line| line.chars().count() <= 120 || line.contains("fn evil")));
    }
}
