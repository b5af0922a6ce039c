//! The layer table: one network, layer by layer.

use std::fmt;

use nin_core::plan::{Layer, LayerKind};
use nin_core::{Plan, WeightType};

use crate::network::resources::{HostMemory, Resources, VALUE, layer_name};
use crate::support::text::{Align, Table, bytes, grouped};
use nin_core::Lanes;

/// Prints a network layer by layer, with sums.
#[derive(Clone, Copy, Debug)]
pub struct LayerTable<'a> {
    /// The network.
    pub plan: &'a Plan,
    /// Batch size, for the memory of training and prediction on the host.
    pub batch: u64,
}

/// Returns the bytes that the streaming engine keeps for this layer: row buffers before the first layer of a stage, and
/// the sums of averages and of the head.
pub(super) fn ram(plan: &Plan, layer: &Layer, first: bool) -> u64 {
    let lines = if first { plan.ring(layer.stage) * plan.shape(layer.stage).row() } else { 0 };
    let sums = match layer.kind {
        LayerKind::GlobalAverage | LayerKind::Full => usize::from(layer.output.channels),
        LayerKind::AvgPool(window) | LayerKind::MeanPool(window) => {
            layer.output.row() * window.rows.overlap().min(usize::from(layer.output.rows))
        }
        _ => 0,
    };
    (lines + sums) as u64 * VALUE
}

impl LayerTable<'_> {
    /// Returns the table without the text below it.
    pub(super) fn table(&self) -> Table {
        use Align::{Left, Right};
        let plan = self.plan;
        let mut table = Table::new([
            ("stage", Left),
            ("layer", Left),
            ("output", Left),
            ("parameters", Right),
            ("MACs", Right),
            ("RAM", Right),
            ("whole map", Right),
            ("flash f32", Right),
            ("flash f16", Right),
        ]);
        let input = plan.spec().input();
        table.row(["".into(), "input".into(), input.to_string()]);
        let mut last = None;
        for layer in plan.layers() {
            let first = last != Some(layer.stage);
            last = Some(layer.stage);
            let stage = if first { plan.spec().stages()[layer.stage].to_string() } else { String::new() };
            let relu = match layer.kind {
                _ if layer.relu6 => ", ReLU6",
                LayerKind::Convolution(_) | LayerKind::Full | LayerKind::Sum if layer.relu => ", ReLU",
                _ => "",
            };
            let groups = match usize::from(layer.groups) {
                1 => "",
                groups if groups == usize::from(layer.input.channels) => "depthwise ",
                _ => "grouped ",
            };
            let some = |number: u64| if number == 0 { String::new() } else { grouped(number) };
            let flash = |weight_type| match layer.weight_bytes(weight_type, Lanes::default().count()) {
                0 => String::new(),
                length => bytes(length as u64),
            };
            let kept = ram(plan, &layer, first);
            table.row([
                stage,
                groups.to_owned() + &layer_name(layer.kind) + relu,
                layer.output.to_string(),
                some(layer.parameters() as u64),
                some(layer.macs()),
                if kept == 0 { String::new() } else { bytes(kept) },
                bytes(layer.output.len() as u64 * VALUE),
                flash(WeightType::F32),
                flash(WeightType::F16),
            ]);
        }
        let sum = Resources::new(plan);
        let tile = bytes(sum.memory.scratch as u64);
        table.row(["(all blocks)", "one tile of pixels", "", "", ""].map(str::to_owned).into_iter().chain([tile]));
        table.rule().row([
            "sum".into(),
            format!("{} with weights", sum.weight_layers),
            String::new(),
            grouped(sum.parameters),
            grouped(sum.macs),
            bytes(sum.streaming),
            String::new(),
            bytes(sum.flash_f32),
            bytes(sum.flash_f16),
        ]);
        table
    }
}

impl fmt::Display for LayerTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sum = Resources::new(self.plan);
        let host = HostMemory::new(self.plan, self.batch);
        writeln!(f, "{}\n\n{}\n", self.plan.spec(), self.table())?;
        writeln!(
            f,
            "RAM on the board   {}, streaming row by row: lines {}, one tile of pixels {}, head {}; {} in 8 bits",
            bytes(sum.streaming),
            bytes(sum.memory.lines as u64),
            bytes(sum.memory.scratch as u64),
            bytes(sum.memory.head as u64),
            bytes(sum.streaming_int8)
        )?;
        writeln!(
            f,
            "  layer by layer   {}: the two largest neighbouring maps, {:.1} times as much",
            bytes(sum.layer_by_layer),
            sum.layer_by_layer as f64 / sum.streaming as f64
        )?;
        writeln!(
            f,
            "Flash              {} with f32 weights, {} with f16, {} in 8 bits",
            bytes(sum.flash_f32),
            bytes(sum.flash_f16),
            bytes(sum.flash_int8)
        )?;
        write!(
            f,
            "Memory on a host   training {}, prediction {}; batches of {} images, all their maps kept",
            bytes(host.training),
            bytes(host.prediction),
            grouped(self.batch)
        )
    }
}

#[cfg(test)]
mod tests {
    use nin_core::{PRESETS, Plan, Spec};

    use super::{LayerTable, ram};

    /// The RAM column must add up to the plan's working memory.
    #[test]
    fn the_ram_column_adds_up() {
        let lines = PRESETS.iter().map(|preset| preset.line).chain(["2x9x9 avg3/2 nin3:4 drop0.5 fc5,4 drop0.2 fc3"]);
        for line in lines {
            let plan = Plan::new(Spec::new(line));
            let mut last = None;
            let kept = plan.layers().map(|layer| {
                let first = last != Some(layer.stage);
                last = Some(layer.stage);
                ram(&plan, &layer, first)
            });
            let memory = plan.memory();
            assert_eq!(kept.sum::<u64>(), 4 * (memory.lines + memory.head) as u64, "{line}");
        }
    }

    #[test]
    fn a_table_has_a_line_for_each_layer() {
        let plan = Plan::new(Spec::preset("fashion").unwrap());
        let text = LayerTable { plan: &plan, batch: 128 }.to_string();
        let stages = text.lines().filter(|line| line.contains("conv ")).count();
        assert_eq!(stages, 12);
        assert!(text.contains("63,542") && text.contains("6,852,640"), "{text}");
    }
}
