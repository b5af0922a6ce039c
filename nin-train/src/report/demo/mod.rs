//! The demo page: one self-contained HTML file in which a network runs in the browser.
//!
//! `engine.wasm` and `engine-simd.wasm` are the crate nin-web, the engine of the board as WebAssembly; `scripts/web.sh`
//! in the repository builds them. `page.html`, `page.js` and `style.css` are the page. This module collects what the
//! page shows as JSON.

use base64::prelude::{BASE64_STANDARD, Engine};
use nin_core::plan::Kernels;
use nin_core::{Model, Plan, Stage, WeightType};
use serde::Serialize;

use crate::data::Dataset;
use crate::engine::streaming::fitted;
use crate::formats::model_file::Record;
use crate::report::Network;
use crate::report::pictures::of_each_class;

/// The engine for browsers with SIMD instructions, and for others.
const ENGINES: [&[u8]; 2] = [include_bytes!("engine-simd.wasm"), include_bytes!("engine.wasm")];

/// The most test images on a page, and the most bytes of them.
const MOST_IMAGES: usize = 60;
const MOST_IMAGE_BYTES: usize = 192 << 10;

/// The contents of a demo page.
#[derive(Clone, Copy, Debug)]
pub struct Demo<'a> {
    /// The page's title.
    pub name: &'a str,
    /// The model file that the page runs, with 32-bit float or integer weights.
    pub file: &'a [u8],
    /// The same model.
    pub model: &'a Model<'a>,
    /// The type of the weights in the user's file: 16-bit floats are widened for the page.
    pub stored: WeightType,
    /// Its weights, from which class maps are computed.
    pub network: Network<'a>,
    /// Test images in any size, if there are any.
    pub test: Option<&'a Dataset>,
}

/// Returns the page.
pub fn page(demo: &Demo<'_>) -> String {
    // In a script, nothing but `<` begins a tag, and JSON has it in strings only.
    let data = serde_json::to_string(&Data::new(demo)).unwrap_or_default().replace('<', "\\u003c");
    let style = concat!(include_str!("../palette.css"), include_str!("style.css"));
    let mut page = include_str!("page.html").to_owned();
    for (place, text) in [("/*STYLE*/", style), ("/*SCRIPT*/", include_str!("page.js")), ("/*DATA*/", &data)] {
        page = page.replacen(place, text, 1);
    }
    page
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    name: &'a str,
    line: String,
    weights: &'static str,
    parameters: usize,
    macs: u64,
    input: Size,
    classes: Vec<String>,
    /// The logits are divided by it before the softmax.
    temperature: f32,
    /// Working memory on a Cortex-M4, and the two largest neighbouring maps, in bytes.
    ram: usize,
    whole_maps: usize,
    /// The number of stages, which is the length of a row of the trace.
    stages: usize,
    maps: Vec<Map>,
    head: Option<Head>,
    /// Why there are no class maps.
    no_maps: Option<&'static str>,
    images: Images,
    model: String,
    engine: String,
    engine_simd: String,
}

#[derive(Serialize)]
struct Size {
    rows: u16,
    columns: u16,
    channels: u16,
}

/// A map between two stages.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Map {
    /// The stage that computes it, or that it is the picture.
    name: String,
    #[serde(flatten)]
    size: Size,
    /// The index of that stage; none for the picture.
    stage: Option<usize>,
    /// The index of its first value among the values of all stages.
    offset: usize,
    /// Rows in memory, and how many of them a pool has only begun.
    kept: usize,
    gathering: usize,
    /// Bytes of a row on a board.
    row_bytes: usize,
}

/// The layer that makes logits of the last map.
#[derive(Serialize)]
struct Head {
    /// The index of the map that is averaged.
    map: usize,
    /// Weights (classes × channels) of a fully connected layer after the average, as the bytes of floats.
    weights: Option<String>,
}

#[derive(Serialize, Default)]
struct Images {
    labels: Vec<usize>,
    /// Each image in the network's shape.
    bytes: String,
}

impl<'a> Data<'a> {
    fn new(demo: &Demo<'a>) -> Self {
        let (plan, weight_type) = (demo.model.plan(), demo.model.weight_type());
        let input = plan.spec().input();
        let mut classes: Vec<String> = demo.model.class_names().map(str::to_owned).collect();
        if classes.is_empty() {
            classes = (0..plan.classes()).map(|class| format!("class {class}")).collect();
        }
        let maps = maps(plan, weight_type);
        let head = head(plan, demo.network);
        let [engine_simd, engine] = ENGINES.map(|engine| BASE64_STANDARD.encode(engine));
        Data {
            name: demo.name,
            line: plan.spec().to_string(),
            weights: demo.stored.name(),
            parameters: plan.parameters(),
            macs: plan.macs(),
            input: Size { rows: input.rows, columns: input.columns, channels: input.channels },
            classes,
            temperature: demo.model.decision().temperature,
            ram: plan.bytes(weight_type, Kernels::Dsp).total(),
            whole_maps: plan.layer_by_layer() * weight_type.value_bytes(),
            stages: plan.spec().stages().len(),
            no_maps: head.as_ref().err().copied(),
            head: head.ok().and_then(|(stage, weights)| {
                let before = maps.iter().position(|map| map.stage == previous(plan, stage))?;
                let bytes =
                    |weights: Vec<f32>| weights.iter().flat_map(|weight| weight.to_le_bytes()).collect::<Vec<u8>>();
                Some(Head { map: before, weights: weights.map(|weights| BASE64_STANDARD.encode(bytes(weights))) })
            }),
            maps,
            images: demo.test.map_or_else(Images::default, |test| images(plan, test)),
            model: BASE64_STANDARD.encode(demo.file),
            engine,
            engine_simd,
        }
    }
}

/// Returns the last stage before `stage` that computes something.
fn previous(plan: &Plan, stage: usize) -> Option<usize> {
    (0..stage).rev().find(|&before| !matches!(plan.spec().stages()[before], Stage::Dropout(_)))
}

/// Returns a stage as in the line; the end of a shortcut as the sum of its two ends.
fn stage_name(plan: &Plan, stage: usize) -> String {
    match plan.spec().stages()[stage] {
        Stage::Sum(sum) => format!("the sum of {}{sum}", plan.spec().stages()[stage - 1], sum = Stage::Sum(sum)),
        stage => stage.to_string(),
    }
}

/// Returns the maps that stages read, as long as they have rows.
fn maps(plan: &Plan, weight_type: WeightType) -> Vec<Map> {
    let stages = plan.spec().stages();
    let read = |stage: usize| {
        let (shape, before) = (plan.shape(stage), previous(plan, stage));
        let gathering = match before.map(|before| &stages[before]) {
            Some(Stage::MaxPool(window)) => {
                usize::from(window.rows.kernel.div_ceil(window.rows.stride)).saturating_sub(1)
            }
            _ => 0,
        };
        Map {
            name: before.map_or_else(|| "the picture".to_owned(), |before| stage_name(plan, before)),
            size: Size { rows: shape.rows, columns: shape.columns, channels: shape.channels },
            stage: before,
            offset: (0..before.unwrap_or(0)).map(|stage| plan.shape(stage + 1).len()).sum(),
            kept: plan.ring(stage),
            gathering,
            row_bytes: shape.row() * weight_type.value_bytes(),
        }
    };
    let with_rows = |stage: &usize| *stage == 0 || plan.shape(*stage).pixels() > 1;
    let computing = (0..stages.len()).filter(|&stage| !matches!(stages[stage], Stage::Dropout(_)));
    computing.take_while(with_rows).map(read).collect()
}

/// Returns the stage of the global average and the weights of a fully connected layer after it, or why there are no
/// class maps.
fn head(plan: &Plan, network: Network<'_>) -> Result<(usize, Option<Vec<f32>>), &'static str> {
    let stages = plan.spec().stages();
    let Some(average) = stages.iter().position(|stage| matches!(stage, Stage::GlobalAverage)) else {
        return Err(
            "This network ends with fully connected layers without a global average before them. Their weights \
                    mix all positions, so there are no class maps.",
        );
    };
    if let Network::Affine(model) = network
        && model.records.iter().any(|record| matches!(record, Record::Average { words, .. } if words.input_zero != 0))
    {
        return Err("The last map of this network has values below 0, so there are no class maps.");
    }
    let after = plan.layers().filter(|layer| layer.stage > average && layer.has_weights());
    match after.collect::<Vec<_>>().as_slice() {
        [] => Ok((average, None)),
        [last] if !last.relu => Ok((average, network.last_weights())),
        _ => Err(
            "Several fully connected layers follow the global average. Their output is not a sum over positions, so \
                  there are no class maps.",
        ),
    }
}

/// Returns test images of all classes in the network's shape, as many as a page holds.
fn images(plan: &Plan, test: &Dataset) -> Images {
    let input = plan.spec().input();
    let most = (MOST_IMAGE_BYTES / input.len()).clamp(1, MOST_IMAGES);
    let classes = test.class_names().len().max(1);
    let each = most.div_ceil(classes);
    // The first image of each class, then the second of each.
    let mut chosen: Vec<(usize, usize)> = of_each_class(test, each)
        .chunk_by(|&a, &b| test.label(a) == test.label(b))
        .flat_map(|class| class.iter().copied().enumerate())
        .collect();
    chosen.sort();
    let mut found = Images::default();
    let mut bytes = Vec::new();
    for (_, index) in chosen.into_iter().take(most) {
        let Some(image) = fitted(test.image(index), test.shape(), input) else { break };
        bytes.extend_from_slice(&image);
        found.labels.push(test.label(index));
    }
    found.bytes = BASE64_STANDARD.encode(bytes);
    found
}

#[cfg(test)]
mod tests {
    use nin_core::{Lanes, Plan, Spec, WeightType};

    use super::{Demo, maps, page};
    use crate::engine::streaming::ModelBytes;
    use crate::network::parameters::{Init, initial};
    use crate::network::preprocessing::Preprocessing;
    use crate::network::trained::Trained;
    use crate::report::Network;

    #[test]
    fn a_map_is_what_a_stage_reads() {
        let plan = Plan::new(Spec::parse("1x28x28 nin5+2:8,8 max3/2 drop0.5 nin3+1:6 gap fc3").unwrap());
        let maps = maps(&plan, WeightType::Int8);
        let shown: Vec<_> = maps.iter().map(|map| (map.name.as_str(), map.stage, map.size.rows, map.offset)).collect();
        assert_eq!(
            shown,
            [
                ("the picture", None, 28, 0),
                ("nin5+2:8,8", Some(0), 28, 0),
                ("max3/2", Some(1), 13, 28 * 28 * 8),
                ("nin3+1:6", Some(3), 13, 28 * 28 * 8 + 2 * 13 * 13 * 8),
            ]
        );
        // A 5×5 kernel; nothing, since the pool takes rows at once; a 3×3 kernel and a row that the pool has begun.
        assert_eq!(
            maps.iter().map(|map| (map.kept, map.gathering)).collect::<Vec<_>>(),
            [(5, 0), (0, 0), (4, 1), (0, 0)]
        );
        // Together they are the rows that the plan counts.
        let rows: usize = maps.iter().map(|map| map.kept * map.row_bytes).sum();
        assert_eq!(rows, plan.memory().lines);
    }

    /// Names come from files: they must not end the script.
    #[test]
    fn a_page_is_one_file_that_names_cannot_break() {
        let spec = Spec::parse("1x9x9 nin3:4 gap fc2").unwrap();
        let trained = Trained {
            spec,
            parameters: initial(&Plan::new(spec), Init::XavierBook, 1),
            preprocessing: Preprocessing::unit(1),
            class_names: vec!["</script><script>".to_owned(), "/*SCRIPT*/".to_owned()],
        };
        let file = trained.to_model(WeightType::F32, Lanes::Sixteen).unwrap();
        let bytes = ModelBytes::new(&file);
        let model = bytes.model().unwrap();
        let network = Network::Floats(&trained);
        let demo = Demo { name: "<b>", file: &file, model: &model, stored: WeightType::F32, network, test: None };
        let page = page(&demo);
        assert_eq!(page.matches("</script>").count(), 2);
        assert!(page.contains(r"\u003c/script>\u003cscript>") && page.contains(r#""/*SCRIPT*/""#));
        assert!(!page.contains("/*DATA*/") && !page.contains("http:") && !page.contains("https:"));
        assert!(page.len() - file.len() < 1 << 20, "{} bytes", page.len());
    }
}
