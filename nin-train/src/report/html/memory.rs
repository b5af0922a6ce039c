//! A diagram of the memory plan: each stage's memory with streaming, compared with whole maps.

use nin_core::{Plan, Spec};

use super::chart::COLOURS;
use super::write::Html;
use crate::network::resources::Resources;
use crate::report::layers::ram;
use crate::support::text::{bytes, grouped};

/// The memory of one stage in bytes, with 8-bit weights and activations.
struct Stage {
    name: String,
    /// Row buffers and sums with streaming.
    streaming: u64,
    /// Largest input and output of a layer together, if layers run one after the other on whole maps.
    whole: u64,
}

fn stages(plan: &Plan) -> Vec<Stage> {
    let spec: &Spec = plan.spec();
    let of = |index: usize| {
        let layers = (0..).map_while(|step| plan.layer(index, step)).enumerate();
        let (mut streaming, mut whole) = (0, 0);
        for (step, layer) in layers {
            streaming += ram(plan, &layer, step == 0, 1);
            whole = whole.max((layer.input.len() + layer.output.len()) as u64);
        }
        Stage { name: spec.stages()[index].to_string(), streaming, whole }
    };
    // Dropout needs no memory on a device.
    (0..spec.stages().len()).map(of).filter(|stage| stage.streaming > 0).collect()
}

/// Writes the diagram of one network.
pub(super) fn write(html: &mut Html, plan: &Plan) {
    let stages = stages(plan);
    let sum = Resources::new(plan);
    let most = stages.iter().map(|stage| stage.whole).max().unwrap_or(1).max(sum.layer_by_layer_int8).max(1);
    html.tag("div", &[("class", "bars")], |html| {
        for stage in &stages {
            pair(html, &stage.name, stage.streaming, stage.whole, most);
        }
        pair(
            html,
            "the whole network, including one tile of pixels",
            sum.streaming_int8,
            sum.layer_by_layer_int8,
            most,
        );
    });
    let times = sum.layer_by_layer_int8 as f64 / sum.streaming_int8.max(1) as f64;
    html.leaf(
        "p",
        &[("class", "soft")],
        &format!(
            "Blue: the memory of a stage when the image is processed row by row (streaming). Grey: the two largest \
             neighbouring maps of the stage when layers run one after the other. Streaming needs the sum of all \
             stages. Layer by layer needs the largest value only, because maps share memory: {times:.1} times as much \
             as streaming.",
        ),
    );
    strip(html, &stages, &sum);
}

fn pair(html: &mut Html, name: &str, streaming: u64, whole: u64, most: u64) {
    html.leaf("div", &[("class", "name")], name);
    html.tag("div", &[("class", "pair")], |html| {
        for (class, value) in [("bar lines", streaming), ("bar", whole)] {
            // The rest of the width is for the text after the longest bar.
            let style = format!("width:{:.2}%", 80.0 * value as f64 / most as f64);
            html.tag("div", &[("class", class)], |html| {
                html.leaf("i", &[("style", &style)], "");
                html.leaf("span", &[], &bytes(value));
            });
        }
    });
}

/// Writes the working memory as one strip of parts.
fn strip(html: &mut Html, stages: &[Stage], sum: &Resources) {
    let parts = stages.iter().map(|stage| (stage.name.as_str(), stage.streaming));
    let parts: Vec<_> = parts.chain([("one tile of pixels", sum.memory_int8.scratch as u64)]).collect();
    let total: u64 = parts.iter().map(|(_, bytes)| bytes).sum();
    let heading = format!("The {} bytes of working memory, stage by stage", grouped(total));
    // A printed page does not separate the strip from its legend.
    html.tag("div", &[("class", "pieces")], |html| pieces(html, &heading, &parts, total));
}

fn pieces(html: &mut Html, heading: &str, parts: &[(&str, u64)], total: u64) {
    html.leaf("p", &[], &format!("{heading}:"));
    let colour = |part: usize| part % COLOURS;
    html.tag("div", &[("class", "strip"), ("role", "img"), ("aria-label", heading)], |html| {
        for (number, (name, value)) in parts.iter().enumerate() {
            let style = format!("width:{:.3}%", 100.0 * *value as f64 / total.max(1) as f64);
            let class = format!("c{}b", colour(number));
            html.leaf(
                "i",
                &[("class", &class), ("style", &style), ("title", &format!("{name}: {}", bytes(*value)))],
                "",
            );
        }
    });
    html.tag("ul", &[("class", "legend")], |html| {
        for (number, (name, value)) in parts.iter().enumerate() {
            html.tag("li", &[], |html| {
                html.leaf("i", &[("class", &format!("key c{}b", colour(number)))], "");
                html.text(&format!("{name} {}", bytes(*value)));
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use nin_core::{Plan, Spec};

    use super::stages;
    use crate::network::resources::Resources;

    /// The parts of the strip add up to the plan's working memory.
    #[test]
    fn the_parts_are_the_whole() {
        for line in ["1x28x28 nin5+2:32,32 max3/2 drop0.5 nin3+1:10 gap", "2x9x9 avg3/2 nin3:4 fc5,4 fc3"] {
            let plan = Plan::new(Spec::parse(line).unwrap());
            let sum = Resources::new(&plan);
            let parts: u64 = stages(&plan).iter().map(|stage| stage.streaming).sum();
            assert_eq!(parts + sum.memory_int8.scratch as u64, sum.streaming_int8, "{line}");
            assert_eq!(stages(&plan).iter().map(|stage| stage.whole).max(), Some(sum.layer_by_layer_int8), "{line}");
        }
    }
}
