//! The layer table: one network, layer by layer.

use std::fmt;

use nin_core::plan::{Layer, LayerKind};
use nin_core::{Lanes, Plan, WeightType};
use serde_json::{Value, json};

use crate::network::resources::{HostMemory, Resources, VALUE, layer_name};
use crate::support::text::{Align, Table, bytes, grouped};

/// Prints a network layer by layer, with sums. With a width, as in `{:80}`, the table leaves out columns to fit.
#[derive(Clone, Copy, Debug)]
pub struct LayerTable<'a> {
    /// The network.
    pub plan: &'a Plan,
    /// Batch size, for the memory of training and prediction on the host.
    pub batch: u64,
}

/// Returns the bytes that the streaming engine keeps for this layer, with `value` bytes per activation: row buffers
/// before the first layer of a stage, in whole words, and the 32-bit sums of averages and of the head.
pub(super) fn ram(plan: &Plan, layer: &Layer, first: bool, value: u64) -> u64 {
    let lines = if first { plan.ring(layer.stage) * plan.shape(layer.stage).row() } else { 0 };
    let sums = match layer.kind {
        LayerKind::GlobalAverage | LayerKind::Full => usize::from(layer.output.channels),
        LayerKind::AvgPool(window) | LayerKind::MeanPool(window) => {
            layer.output.row() * window.rows.overlap().min(usize::from(layer.output.rows))
        }
        _ => 0,
    };
    (lines as u64 * value).next_multiple_of(4) + 4 * sums as u64
}

/// The weight types in the order in which they are shown, and the lanes of their files.
const FILES: [(WeightType, usize); 3] =
    [(WeightType::Int8, 2), (WeightType::F16, Lanes::Four.count()), (WeightType::F32, Lanes::Four.count())];

impl LayerTable<'_> {
    /// Returns each layer, and whether it is the first of its stage.
    fn layers(&self) -> impl Iterator<Item = (Layer, bool)> {
        let mut last = None;
        self.plan.layers().map(move |layer| {
            let first = last != Some(layer.stage);
            last = Some(layer.stage);
            (layer, first)
        })
    }

    /// Returns the table without the text below it.
    pub(super) fn table(&self) -> Table {
        use Align::{Left, Right};
        let plan = self.plan;
        let mut table = Table::new([
            ("stage", Left),
            ("layer", Left),
            ("output", Left),
            ("params", Right),
            ("MACs", Right),
            ("RAM", Right),
            ("flash", Right),
            ("flash f16", Right),
            ("RAM f32", Right),
            ("flash f32", Right),
            ("whole map", Right),
        ]);
        // The last are left out first; then the parameters, the shapes, and the multiply-accumulates.
        let order = [10, 9, 8, 7, 3, 2, 4];
        table.narrower((1..=order.len()).map(|count| order[..count].to_vec()));
        table.row(["".into(), "input".into(), plan.spec().input().to_string()]);
        let some = |number: u64| if number == 0 { String::new() } else { grouped(number) };
        let some_bytes = |number: u64| if number == 0 { String::new() } else { bytes(number) };
        for (layer, first) in self.layers() {
            let stage = if first { plan.spec().stages()[layer.stage].to_string() } else { String::new() };
            let groups = match usize::from(layer.groups) {
                1 => "",
                groups if groups == usize::from(layer.input.channels) => "depthwise ",
                _ => "grouped ",
            };
            let name = match layer.kind {
                LayerKind::GlobalAverage => "average".to_owned(),
                LayerKind::Full => "full".to_owned(),
                kind => groups.to_owned() + &layer_name(kind),
            };
            let flash = |(weight_type, lanes)| some_bytes(layer.weight_bytes(weight_type, lanes) as u64);
            let [int8, f16, f32] = FILES.map(flash);
            table.row([
                stage,
                name + if layer.relu6 { ", ReLU6" } else { "" },
                layer.output.to_string(),
                some(layer.parameters() as u64),
                some(layer.macs()),
                some_bytes(ram(plan, &layer, first, 1)),
                int8,
                f16,
                some_bytes(ram(plan, &layer, first, VALUE)),
                f32,
                bytes(layer.output.len() as u64),
            ]);
        }
        let sum = Resources::new(plan);
        let tile = bytes(sum.memory_int8.scratch as u64);
        table.row(["(scratch)", "one tile", "", "", ""].map(str::to_owned).into_iter().chain([tile]));
        table.rule().row([
            "sum".into(),
            format!("{} layers", sum.weight_layers),
            String::new(),
            grouped(sum.parameters),
            grouped(sum.macs),
            bytes(sum.streaming_int8),
            bytes(sum.flash_int8),
            bytes(sum.flash_f16),
            bytes(sum.streaming),
            bytes(sum.flash_f32),
        ]);
        table
    }

    /// Returns the same as a JSON object. All sizes are in bytes; those of `ram` and `flash` by weight type.
    pub fn json(&self) -> Value {
        let (plan, sum) = (self.plan, Resources::new(self.plan));
        let host = HostMemory::new(plan, self.batch);
        let layers: Vec<Value> = self
            .layers()
            .map(|(layer, first)| {
                let [int8, f16, f32] = FILES.map(|(weight_type, lanes)| layer.weight_bytes(weight_type, lanes));
                let shape = layer.output;
                json!({
                    "stage": plan.spec().stages()[layer.stage].to_string(),
                    "layer": layer_name(layer.kind),
                    "output": [shape.channels, shape.rows, shape.columns],
                    "parameters": layer.parameters(),
                    "macs": layer.macs(),
                    "ram": { "int8": ram(plan, &layer, first, 1), "f32": ram(plan, &layer, first, VALUE) },
                    "flash": { "int8": int8, "f16": f16, "f32": f32 },
                })
            })
            .collect();
        json!({
            "line": plan.spec().to_string(),
            "parameters": sum.parameters,
            "macs": sum.macs,
            "ram": { "int8": sum.streaming_int8, "f32": sum.streaming },
            "ram_layer_by_layer": { "int8": sum.layer_by_layer_int8, "f32": VALUE * sum.layer_by_layer_int8 },
            "flash": { "int8": sum.flash_int8, "f16": sum.flash_f16, "f32": sum.flash_f32 },
            "host": { "batch": self.batch, "training": host.training, "prediction": host.prediction },
            "layers": layers,
        })
    }
}

impl fmt::Display for LayerTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sum = Resources::new(self.plan);
        let host = HostMemory::new(self.plan, self.batch);
        writeln!(f, "{}\n", self.plan.spec())?;
        fmt::Display::fmt(&self.table(), f)?;
        writeln!(f, "\n\nRAM and flash without a type are those of 8 bits, on a Cortex-M4.")?;
        writeln!(
            f,
            "RAM on the board   {} in 8 bits, {} in f32, streaming row by row",
            bytes(sum.streaming_int8),
            bytes(sum.streaming)
        )?;
        writeln!(
            f,
            "  in 8 bits        lines {}, one tile of pixels {}, head {}",
            bytes(sum.memory_int8.lines as u64),
            bytes(sum.memory_int8.scratch as u64),
            bytes(sum.memory_int8.head as u64)
        )?;
        writeln!(
            f,
            "  layer by layer   {}, {:.1} times as much: two neighbouring maps",
            bytes(sum.layer_by_layer_int8),
            sum.layer_by_layer_int8 as f64 / sum.streaming_int8 as f64
        )?;
        writeln!(
            f,
            "Flash              {} in 8 bits, {} in f16, {} in f32",
            bytes(sum.flash_int8),
            bytes(sum.flash_f16),
            bytes(sum.flash_f32)
        )?;
        write!(
            f,
            "Memory on a host   training {}, prediction {}; {} images at a time",
            bytes(host.training),
            bytes(host.prediction),
            grouped(self.batch)
        )
    }
}

#[cfg(test)]
mod tests {
    use nin_core::{Kernels, PRESETS, Plan, Spec, WeightType};

    use super::{LayerTable, VALUE, ram};

    /// The RAM columns must add up to the plan's working memory.
    #[test]
    fn the_ram_columns_add_up() {
        let lines = PRESETS.iter().map(|preset| preset.line).chain(["2x9x9 avg3/2 nin3:4 drop0.5 fc5,4 drop0.2 fc3"]);
        for line in lines {
            let plan = Plan::new(Spec::new(line));
            for (value, weights, kernels) in
                [(VALUE, WeightType::F32, Kernels::Plain), (1, WeightType::Int8, Kernels::Dsp)]
            {
                let layers = LayerTable { plan: &plan, batch: 1 };
                let kept: u64 = layers.layers().map(|(layer, first)| ram(&plan, &layer, first, value)).sum();
                let memory = plan.bytes(weights, kernels);
                assert_eq!(kept, (memory.lines + memory.head) as u64, "{line}");
            }
        }
    }

    #[test]
    fn a_table_has_a_line_for_each_layer() {
        let plan = Plan::new(Spec::preset("fashion").unwrap());
        let table = LayerTable { plan: &plan, batch: 128 };
        let text = table.to_string();
        let stages = text.lines().filter(|line| line.contains("conv ")).count();
        assert_eq!(stages, 12);
        assert!(text.contains("63,542") && text.contains("6,852,640"), "{text}");
        let json = table.json();
        assert_eq!((&json["parameters"], &json["ram"]["int8"]), (&63_542.into(), &7_988.into()));
        assert_eq!(
            json["layers"].as_array().unwrap().iter().map(|l| l["macs"].as_u64().unwrap()).sum::<u64>(),
            6_852_640
        );
    }

    /// Every preset fits a terminal of 80 columns, and one of 60.
    #[test]
    fn tables_fit_terminals() {
        for preset in PRESETS {
            let plan = Plan::new(Spec::new(preset.line));
            let table = LayerTable { plan: &plan, batch: 128 }.table();
            for width in [60, 80, 100] {
                let widest = format!("{table:width$}").lines().map(|line| line.chars().count()).max();
                assert!(widest <= Some(width), "{}: {widest:?}", preset.name);
            }
        }
        let fashion = Plan::new(Spec::preset("fashion").unwrap());
        let text = format!("{:80}", LayerTable { plan: &fashion, batch: 128 });
        assert!(text.lines().skip(1).all(|line| line.chars().count() <= 80), "{text}");
        assert!(text.contains("params") && !text.contains("whole map"), "{text}");
    }
}
