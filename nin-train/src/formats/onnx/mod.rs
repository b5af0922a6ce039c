//! Networks as ONNX files, for onnxruntime, tract and other runtimes, and the import of ONNX models of other programs
//! ([`import`], in `read`).
//!
//! In both forms the input `image` is bytes `(images, channels, rows, columns)` and the output `logits` is floats
//! `(images, classes)`. Preprocessing is part of the graph. Shapes and weights are in ONNX's order (channels first).
//!
//! An 8-bit network is written in QDQ form: operators on floats, with QuantizeLinear and DequantizeLinear around each
//! tensor. Runtimes convert this form to integer arithmetic. They round an accumulator once, `docs/int8.md` rounds it
//! twice: of the same inputs, an activation differs by at most one step, and the differences reach the logits.

mod graph;
mod proto;
mod read;

use nin_core::plan::{Layer, LayerKind, Plan};
use nin_core::spec::Window;

use crate::integers::{Output, QuantizedLayer, QuantizedModel};
use crate::network::parameters::{Tensor, tensors};
use crate::network::trained::Trained;
use graph::{Attribute, Element, Graph, Name};
pub use read::{Beside, Network, OnnxError, import, is_onnx};

/// Returns an ONNX file of a network with float weights.
pub fn floats(trained: &Trained) -> Vec<u8> {
    let plan = trained.plan();
    let channels = usize::from(trained.spec.input().channels);
    let mut graph = Graph::default();
    let mut now = graph.node("Cast", &[&IMAGE.to_owned()], &[("to", Attribute::Int(Element::Float as i64))]);
    let shape = [1, channels, 1, 1];
    if trained.preprocessing.mean.iter().any(|&mean| mean != 0.0) {
        let mean = graph.floats("mean", &shape, trained.preprocessing.mean.iter().copied());
        now = graph.node("Sub", &[&now, &mean], &[]);
    }
    let scale = graph.floats("scale", &shape, trained.preprocessing.scale.iter().copied());
    now = graph.node("Mul", &[&now, &scale], &[]);
    let weights = Floats { parameters: &trained.parameters };
    Writer { graph, plan: &plan, weights, now }.write(&trained.class_names)
}

/// Returns an ONNX file in QDQ form of a network with integer weights.
pub fn integers(model: &QuantizedModel) -> Vec<u8> {
    let plan = model.plan();
    let mut graph = Graph::default();
    let scale = graph.floats("image_scale", &[], [model.input_scale]);
    let zero = graph.constant("zero_u8", Element::Uint8, &[], vec![0]);
    let now = graph.node("DequantizeLinear", &[&IMAGE.to_owned(), &scale, &zero], &[]);
    let weights = Integers { layers: &model.layers, scale, zero };
    Writer { graph, plan: &plan, weights, now }.write(&model.class_names)
}

const IMAGE: &str = "image";
const LOGITS: &str = "logits";

/// The form in which weights, biases and layer outputs are written.
trait TensorForm {
    /// Adds the weight, of shape `dims`, and the bias of a layer, and returns their names.
    fn add(&self, graph: &mut Graph, number: usize, tensor: &Tensor, dims: &[usize]) -> [Name; 2];

    /// Converts the output of a layer with weights (after its ReLU) to the next layer's input.
    fn made(&mut self, graph: &mut Graph, number: usize, value: Name) -> Name;

    /// Converts the output of a pooling layer likewise.
    fn pooled(&mut self, graph: &mut Graph, value: Name) -> Name;
}

struct Floats<'a> {
    parameters: &'a [f32],
}

impl TensorForm for Floats<'_> {
    fn add(&self, graph: &mut Graph, number: usize, tensor: &Tensor, dims: &[usize]) -> [Name; 2] {
        let weights = tensor.torch_order().map(|at| self.parameters[at]);
        let biases = self.parameters[tensor.bias.clone()].iter().copied();
        [
            graph.floats(&format!("weight{number}"), dims, weights),
            graph.floats(&format!("bias{number}"), &dims[..1], biases),
        ]
    }

    fn made(&mut self, _: &mut Graph, _: usize, value: Name) -> Name {
        value
    }

    fn pooled(&mut self, _: &mut Graph, value: Name) -> Name {
        value
    }
}

struct Integers<'a> {
    layers: &'a [QuantizedLayer],
    /// The scale of the current value.
    scale: Name,
    zero: Name,
}

impl Integers<'_> {
    /// Quantizes a value to 8 bits and dequantizes it.
    fn rounded(&self, graph: &mut Graph, value: &Name) -> Name {
        let bytes = graph.node("QuantizeLinear", &[value, &self.scale, &self.zero], &[]);
        graph.node("DequantizeLinear", &[&bytes, &self.scale, &self.zero], &[])
    }
}

impl TensorForm for Integers<'_> {
    fn add(&self, graph: &mut Graph, number: usize, tensor: &Tensor, dims: &[usize]) -> [Name; 2] {
        let layer = &self.layers[number];
        let axis = [("axis", Attribute::Int(0))];
        let outputs = [dims[0]];
        let weights = tensor.torch_order().map(|at| layer.weights[at - tensor.weight.start] as u8).collect();
        let weight = graph.constant(&format!("weight{number}_i8"), Element::Int8, dims, weights);
        let scale = graph.floats(&format!("weight{number}_scale"), &outputs, layer.weight_scales.iter().copied());
        let zeros = graph.constant(&format!("weight{number}_zero"), Element::Int8, &outputs, vec![0; dims[0]]);
        let weight = graph.node("DequantizeLinear", &[&weight, &scale, &zeros], &axis);

        let biases = layer.bias.iter().flat_map(|bias| bias.to_le_bytes()).collect();
        let bias = graph.constant(&format!("bias{number}_i32"), Element::Int32, &outputs, biases);
        let scales = layer.units().map(|unit| unit as f32);
        let scale = graph.floats(&format!("bias{number}_scale"), &outputs, scales);
        let zeros = graph.constant(&format!("bias{number}_zero"), Element::Int32, &outputs, vec![0; 4 * dims[0]]);
        let bias = graph.node("DequantizeLinear", &[&bias, &scale, &zeros], &axis);
        [weight, bias]
    }

    fn made(&mut self, graph: &mut Graph, number: usize, value: Name) -> Name {
        let Output::Activations { scale, .. } = &self.layers[number].output else { return value };
        self.scale = graph.floats(&format!("scale{number}"), &[], [*scale]);
        self.rounded(graph, &value)
    }

    fn pooled(&mut self, graph: &mut Graph, value: Name) -> Name {
        self.rounded(graph, &value)
    }
}

struct Writer<'a, W> {
    graph: Graph,
    plan: &'a Plan,
    weights: W,
    /// The next layer's input.
    now: Name,
}

impl<W: TensorForm> Writer<'_, W> {
    fn write(mut self, class_names: &[String]) -> Vec<u8> {
        let tensors = tensors(self.plan);
        let layers: Vec<Layer> = self.plan.layers().collect();
        // From a global average or a fully connected layer on, values have the shape (images, features).
        let mut flat = false;
        for (index, layer) in layers.iter().enumerate() {
            let weighty = tensors.iter().position(|tensor| tensor.index == index);
            match layer.kind {
                LayerKind::Dropout => {}
                LayerKind::Convolution(window) => {
                    let Some(number) = weighty else { continue };
                    let (outputs, channels) = (layer.output.channels.into(), layer.input.channels.into());
                    let kernel = usize::from(window.columns.kernel);
                    let dims = [outputs, channels, kernel, kernel];
                    let [weight, bias] = self.weights.add(&mut self.graph, number, &tensors[number], &dims);
                    let made = self.windowed("Conv", &[&weight, &bias], window, &[]);
                    self.finish(number, layer.relu, made);
                }
                LayerKind::Full => {
                    let Some(number) = weighty else { continue };
                    self.flatten(&mut flat);
                    let dims = [layer.output.channels.into(), layer.fan_in()];
                    let [weight, bias] = self.weights.add(&mut self.graph, number, &tensors[number], &dims);
                    let transposed = [("transB", Attribute::Int(1))];
                    let made = self.graph.node("Gemm", &[&self.now, &weight, &bias], &transposed);
                    self.finish(number, layer.relu, made);
                }
                LayerKind::MaxPool(window) => {
                    let made = self.windowed("MaxPool", &[], window, &[]);
                    self.now = self.weights.pooled(&mut self.graph, made);
                }
                LayerKind::AvgPool(window) => {
                    let padding = ("count_include_pad", Attribute::Int(1));
                    let made = self.windowed("AveragePool", &[], window, &[padding]);
                    self.now = self.weights.pooled(&mut self.graph, made);
                }
                // `Trained` has no such line.
                LayerKind::MeanPool(_) | LayerKind::Sum => {}
                LayerKind::GlobalAverage => {
                    self.now = self.graph.node("GlobalAveragePool", &[&self.now], &[]);
                    self.flatten(&mut flat);
                }
            }
        }
        self.graph.named("Identity", &[&self.now], &[], LOGITS);
        let input = self.plan.spec().input();
        let (line, names) = (self.plan.spec().to_string(), class_names.join("\n"));
        self.graph.into_model(
            (IMAGE, &[input.channels.into(), input.rows.into(), input.columns.into()]),
            (LOGITS, &[self.plan.classes()]),
            &[("line", &line), ("classes", &names)],
        )
    }

    /// Adds a node that applies a sliding window to a map.
    fn windowed(&mut self, op: &str, more: &[&Name], window: Window, attributes: &[(&str, Attribute<'_>)]) -> Name {
        let [kernel, stride, padding] =
            [window.columns.kernel, window.columns.stride, window.columns.padding].map(i64::from);
        let (kernel, strides, pads) = ([kernel; 2], [stride; 2], [padding; 4]);
        let shape = [
            ("kernel_shape", Attribute::Ints(&kernel)),
            ("strides", Attribute::Ints(&strides)),
            ("pads", Attribute::Ints(&pads)),
        ];
        let inputs = [&[&self.now], more].concat();
        self.graph.node(op, &inputs, &[&shape, attributes].concat())
    }

    fn finish(&mut self, number: usize, relu: bool, made: Name) {
        let made = if relu { self.graph.node("Relu", &[&made], &[]) } else { made };
        self.now = self.weights.made(&mut self.graph, number, made);
    }

    fn flatten(&mut self, flat: &mut bool) {
        if !std::mem::replace(flat, true) {
            self.now = self.graph.node("Flatten", &[&self.now], &[("axis", Attribute::Int(1))]);
        }
    }
}
