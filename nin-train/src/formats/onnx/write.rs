//! Writes the layers of a plan as operators.

use nin_core::plan::{Layer, LayerKind, Plan};
use nin_core::spec::{Side, Window};

use super::graph::{Attribute, Graph, Name};
use crate::network::chain::Chain;
use crate::network::parameters::{Tensor, tensors};

/// The name of the input.
pub(super) const IMAGE: &str = "image";
/// The name of the output.
const LOGITS: &str = "logits";

/// The form in which weights, biases and the outputs of layers are written.
pub(super) trait TensorForm {
    /// Adds the weight, of shape `dims`, and the bias of a layer, and returns their names. `number` counts the layers
    /// with weights.
    fn parameters(&self, graph: &mut Graph, number: usize, tensor: &Tensor, dims: &[usize]) -> [Name; 2];

    /// Converts the output of layer `index` of the plan (after its activation) to the input of the layers that read it.
    fn output(&mut self, graph: &mut Graph, index: usize, value: Name) -> Name;
}

/// Writes a network, layer by layer.
pub(super) struct Writer<'a, F> {
    graph: Graph,
    plan: &'a Plan,
    form: F,
    /// The image and the outputs of the layers so far, numbered as in [`Chain`].
    values: Vec<Name>,
    /// Whether values have the shape `(images, features)`: from a global average or a fully connected layer on.
    is_flat: bool,
    /// The bounds of a ReLU6, if there is one.
    bounds: Option<[Name; 2]>,
}

impl<'a, F: TensorForm> Writer<'a, F> {
    /// Begins with the name of the image as the first layer reads it.
    pub fn new(graph: Graph, plan: &'a Plan, form: F, image: Name) -> Self {
        Self { graph, plan, form, values: vec![image], is_flat: false, bounds: None }
    }

    /// Adds all layers and returns the file.
    pub fn write(mut self, class_names: &[String]) -> Vec<u8> {
        let chain = Chain::new(self.plan);
        let tensors = tensors(self.plan);
        let mut weighty = tensors.iter().enumerate();
        for (index, layer) in self.plan.layers().enumerate() {
            let reads = chain.reads(index);
            let input = self.values[reads.input].clone();
            let output = match layer.kind {
                LayerKind::Dropout => input,
                LayerKind::Convolution(window) => {
                    let Some((number, tensor)) = weighty.next() else { break };
                    let (rows, columns) = tensor.kernel();
                    let dims = [layer.output.channels.into(), tensor.channels(), rows, columns];
                    let [weight, bias] = self.form.parameters(&mut self.graph, number, tensor, &dims);
                    let group = [("group", Attribute::Int(layer.groups.into()))];
                    let group = if layer.groups > 1 { &group[..] } else { &[] };
                    let sums = self.windowed("Conv", &[&input, &weight, &bias], window, group);
                    self.output(index, &layer, sums)
                }
                LayerKind::Full => {
                    let Some((number, tensor)) = weighty.next() else { break };
                    let input = self.flattened(input);
                    let dims = [layer.output.channels.into(), layer.fan_in()];
                    let [weight, bias] = self.form.parameters(&mut self.graph, number, tensor, &dims);
                    let transposed = [("transB", Attribute::Int(1))];
                    let sums = self.graph.node("Gemm", &[&input, &weight, &bias], &transposed);
                    self.output(index, &layer, sums)
                }
                LayerKind::MaxPool(window) => {
                    let maxima = self.windowed("MaxPool", &[&input], window, &[]);
                    self.output(index, &layer, maxima)
                }
                LayerKind::AvgPool(window) => self.average(index, &layer, &input, window, 1),
                LayerKind::MeanPool(window) => self.average(index, &layer, &input, window, 0),
                LayerKind::GlobalAverage => {
                    let averages = self.graph.node("GlobalAveragePool", &[&input], &[]);
                    let averages = self.output(index, &layer, averages);
                    self.flattened(averages)
                }
                LayerKind::Sum => {
                    let shortcut = self.values[reads.shortcut.unwrap_or(reads.input)].clone();
                    let sums = self.graph.node("Add", &[&input, &shortcut], &[]);
                    self.output(index, &layer, sums)
                }
            };
            self.values.push(output);
        }
        if let Some(last) = self.values.last() {
            self.graph.named("Identity", &[last], &[], LOGITS);
        }
        let input = self.plan.spec().input();
        let (line, names) = (self.plan.spec().to_string(), class_names.join("\n"));
        self.graph.into_model(
            (IMAGE, &[input.channels.into(), input.rows.into(), input.columns.into()]),
            (LOGITS, &[self.plan.classes()]),
            &[("line", &line), ("classes", &names)],
        )
    }

    /// Adds a node that applies a sliding window to a map.
    fn windowed(&mut self, op: &str, inputs: &[&Name], window: Window, attributes: &[(&str, Attribute<'_>)]) -> Name {
        let Window { rows, columns } = window;
        let both = |of: fn(Side) -> u8| [rows, columns].map(|side| i64::from(of(side)));
        let (kernel, strides) = (both(|side| side.kernel), both(|side| side.stride));
        let ([above, left], [below, right]) = (both(|side| side.padding), both(|side| side.after));
        let shape = [
            ("kernel_shape", Attribute::Ints(&kernel)),
            ("strides", Attribute::Ints(&strides)),
            ("pads", Attribute::Ints(&[above, left, below, right])),
        ];
        self.graph.node(op, inputs, &[&shape, attributes].concat())
    }

    /// Adds an average pool; `counts` is 1 if padding counts.
    fn average(&mut self, index: usize, layer: &Layer, input: &Name, window: Window, counts: i64) -> Name {
        let padding = ("count_include_pad", Attribute::Int(counts));
        let averages = self.windowed("AveragePool", &[input], window, &[padding]);
        self.output(index, layer, averages)
    }

    /// Adds a layer's activation and converts its output.
    fn output(&mut self, index: usize, layer: &Layer, value: Name) -> Name {
        let value = match (layer.relu, layer.relu6) {
            (_, true) => {
                let graph = &mut self.graph;
                let bound = |(name, value)| graph.floats(name, &[], [value]);
                let [least, most] = self.bounds.get_or_insert_with(|| [("least", 0.0), ("six", 6.0)].map(bound));
                self.graph.node("Clip", &[&value, least, most], &[])
            }
            (true, false) => self.graph.node("Relu", &[&value], &[]),
            (false, false) => value,
        };
        self.form.output(&mut self.graph, index, value)
    }

    /// Adds the change of a map to a row of features, unless it is one.
    fn flattened(&mut self, value: Name) -> Name {
        if std::mem::replace(&mut self.is_flat, true) {
            return value;
        }
        self.graph.node("Flatten", &[&value], &[("axis", Attribute::Int(1))])
    }
}
