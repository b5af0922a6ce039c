//! From a graph of layers to a line: one layer after the other, with shortcuts around some.

use nin_core::Spec;
use nin_core::spec::{Activation, Window};

use super::Problem;
use super::layer::{Id, Kind, Layer, Net};
use crate::network::preprocessing::Preprocessing;
use crate::network::trained::Trained;

/// The most numbers in a block.
const MOST_WIDTHS: usize = 6;

impl Net {
    /// Returns the network as a line with its parameters; `answer` is the layer whose output is the logits.
    ///
    /// # Errors
    ///
    /// [`Problem`] names the layer that no line has.
    pub fn lower(self, answer: Id) -> Result<Trained, Problem> {
        let Followed { spec, entries } = self.follow(answer)?;
        let mut parameters = Vec::new();
        for entry in entries {
            let Entry::Weights(id) = entry else { continue };
            let Layer { kind, size, .. } = &self.layers[id];
            if let Kind::Convolution { weights, bias, .. }
            | Kind::Full { weights, bias }
            | Kind::Scale { factor: weights, shift: bias } = kind
            {
                parameters.extend(weights);
                parameters.extend(bias);
                if weights.is_empty() {
                    // Factors of 1, shifts of 0.
                    parameters.extend((0..2 * size[2]).map(|at| if at < size[2] { 1.0 } else { 0.0 }));
                }
            }
        }
        let Self { mean, scale, .. } = self;
        Ok(Trained { spec, parameters, preprocessing: Preprocessing { mean, scale }, class_names: Vec::new() })
    }

    /// Returns the line of the layers up to the answer, and the layers that have an entry in a model file.
    pub(super) fn follow(&self, answer: Id) -> Result<Followed, Problem> {
        let mut readers = vec![Vec::new(); self.layers.len()];
        // Layers that lead to no answer are left out.
        let mut needed = vec![false; self.layers.len()];
        needed[answer] = true;
        for id in (0..self.layers.len()).rev().filter(|id| *id <= answer) {
            if needed[id] {
                for &input in &self.layers[id].inputs {
                    needed[input] = true;
                    readers[input].push(id);
                }
            }
        }
        readers.iter_mut().for_each(|ids: &mut Vec<Id>| ids.sort_unstable());
        let mut chain = Chain::new(self, &readers);
        chain.follow(answer)?;
        let [rows, columns, channels] = self.size(0);
        let line = format!("{channels}x{rows}x{columns} {}", chain.words.join(" "));
        let entries = chain.entries;
        let spec: Spec = line.parse().map_err(|error| {
            Problem::whole(format!("would be the line `{line}`, which is outside of the family: {error}"))
        })?;
        Ok(Followed { spec, entries })
    }
}

/// A line, and what a model file states of its layers.
pub(super) struct Followed {
    pub spec: Spec,
    /// In the order of the file.
    pub entries: Vec<Entry>,
}

/// A layer that has an entry in a model file.
#[derive(Clone, Copy, Debug)]
pub(super) enum Entry {
    /// A layer with weights.
    Weights(Id),
    /// A sum, and the layers at the ends of its body and of its shortcut.
    Sum { sum: Id, body: Id, shortcut: Id },
    /// A global average, and the layer that it reads. Of one pixel it is that layer.
    Average { average: Id, input: Id },
}

/// What layers have become so far.
struct Chain<'n> {
    net: &'n Net,
    readers: &'n [Vec<Id>],
    /// The words of the line after its input.
    words: Vec<String>,
    entries: Vec<Entry>,
    /// Layers in the last stage if it is a block that takes another 1×1 convolution.
    open: usize,
    /// Layers in the last stage if it is fully connected.
    full: usize,
    /// Whether the head has begun.
    head: bool,
    /// What opens a shortcut at the next block.
    opening: &'static str,
}

impl<'n> Chain<'n> {
    fn new(net: &'n Net, readers: &'n [Vec<Id>]) -> Self {
        Self { net, readers, words: Vec::new(), entries: Vec::new(), open: 0, full: 0, head: false, opening: "" }
    }

    fn layer(&self, id: Id) -> &'n Layer {
        &self.net.layers[id]
    }

    /// Follows the layers from the image to the answer.
    fn follow(&mut self, answer: Id) -> Result<(), Problem> {
        let mut at = 0;
        while at != answer {
            let readers = self.readers;
            at = match readers[at][..] {
                [next] => {
                    self.add(next, next == answer)?;
                    next
                }
                [first, second] => self.shortcut(at, first, second)?,
                [] => return Err(Problem::whole("has no way from its image to its answer")),
                [.., last] => {
                    return Err(self.layer(last).place.problem("reads a map that more than two operators read"));
                }
            };
        }
        if !self.head {
            if self.net.size(answer)[..2] != [1, 1] || answer == 0 {
                let [rows, columns, _] = self.net.size(answer);
                return Err(Problem::whole(format!(
                    "ends in a map of {rows}×{columns}; a line ends in a global average or in fully connected layers"
                )));
            }
            // The average of one pixel.
            self.stage("gap");
            self.entries.push(Entry::Average { average: answer, input: answer });
        }
        Ok(())
    }

    /// Begins a stage of one word.
    fn stage(&mut self, word: &str) {
        let opening = std::mem::take(&mut self.opening);
        self.words.push(format!("{opening}{word}"));
        (self.open, self.full) = (0, 0);
    }

    fn extend(&mut self, text: &str) {
        if let Some(word) = self.words.last_mut() {
            word.push_str(text);
        }
    }

    /// Adds a layer; `last` if no other follows.
    fn add(&mut self, id: Id, last: bool) -> Result<(), Problem> {
        let Layer { kind, place, inputs, .. } = self.layer(id);
        let averaged = || {
            place.problem(
                "follows a global average or a fully connected layer, where a line has only fully connected layers",
            )
        };
        match kind {
            Kind::Full { .. } => self.full(id, last),
            Kind::Convolution { window: Window::PIXEL, groups: 1, .. } if self.head => self.full(id, last),
            Kind::Sum => Err(place.problem("adds maps that are not the two ends of a shortcut")),
            _ if self.head => Err(averaged()),
            Kind::Convolution { .. } | Kind::Scale { .. } => self.block(id),
            Kind::Max(window) => self.pool("max", *window),
            Kind::Average(window) => self.pool("avg", *window),
            Kind::Mean(window) => self.pool("mean", *window),
            Kind::GlobalAverage => {
                self.stage("gap");
                self.entries.push(Entry::Average { average: id, input: inputs[0] });
                self.head = true;
                Ok(())
            }
            Kind::Image => Err(place.problem("is the image")),
        }
    }

    fn pool(&mut self, word: &str, window: Window) -> Result<(), Problem> {
        self.stage(&format!("{word}{window}"));
        Ok(())
    }

    /// Adds a convolution, or a factor for each channel: a depthwise convolution of one pixel.
    fn block(&mut self, id: Id) -> Result<(), Problem> {
        let Layer { kind, activation, inputs, size, place, .. } = self.layer(id);
        let channels = self.net.size(inputs[0])[2];
        let (window, groups) = match kind {
            Kind::Convolution { window, groups, .. } => (*window, *groups),
            Kind::Scale { .. } => (Window::PIXEL, channels),
            _ => return Err(place.problem("is between the ends of a shortcut, where only convolutions can be")),
        };
        self.entries.push(Entry::Weights(id));
        let outputs = size[2];
        if window == Window::PIXEL && groups == 1 && self.opening.is_empty() && (1..MOST_WIDTHS).contains(&self.open) {
            let separator = if self.words.last().is_some_and(|word| word.contains(':')) { "," } else { ":" };
            self.extend(&format!("{separator}{outputs}{activation}"));
            self.open += 1;
            return Ok(());
        }
        let text = window.to_string();
        // A block's stride of 1 is left out.
        let text =
            if (window.rows.stride, window.columns.stride) == (1, 1) { text.replacen("/1", "", 1) } else { text };
        let word = match groups {
            1 => format!("nin{text}:{outputs}{activation}"),
            _ if groups == channels && groups == outputs => format!("dw{text}{activation}"),
            _ => format!("nin{text}g{groups}:{outputs}{activation}"),
        };
        self.stage(&word);
        self.open = 1;
        Ok(())
    }

    fn full(&mut self, id: Id, last: bool) -> Result<(), Problem> {
        let Layer { activation, place, size, .. } = self.layer(id);
        match activation {
            Activation::Identity if !last => {
                return Err(place.problem("has no ReLU; every fully connected layer but the last has one"));
            }
            Activation::Relu | Activation::Relu6 if last => {
                return Err(place.problem("is the last layer and has a ReLU; the last layer of a line has none"));
            }
            Activation::Relu6 => {
                return Err(place.problem("has a ReLU6; fully connected layers of a line have a ReLU"));
            }
            _ => {}
        }
        self.entries.push(Entry::Weights(id));
        if (1..MOST_WIDTHS).contains(&self.full) {
            self.extend(&format!(",{}", size[2]));
            self.full += 1;
        } else {
            self.stage(&format!("fc{}", size[2]));
            self.full = 1;
        }
        self.head = true;
        Ok(())
    }

    /// Returns the layers from one on to the sum that follows them.
    fn way(&self, first: Id) -> Result<(Vec<Id>, Id), Problem> {
        let (mut way, mut next) = (Vec::new(), first);
        loop {
            let Layer { kind, place, .. } = self.layer(next);
            match kind {
                Kind::Sum => return Ok((way, next)),
                Kind::Convolution { .. } | Kind::Scale { .. } => way.push(next),
                _ => return Err(place.problem("is between the ends of a shortcut, where only convolutions can be")),
            }
            next = match self.readers[next][..] {
                [reader] => reader,
                _ => return Err(place.problem("does not lead to a sum, or to several operators")),
            };
        }
    }

    /// Adds the two ways from layer `begin` to their sum, and returns the sum.
    fn shortcut(&mut self, begin: Id, first: Id, second: Id) -> Result<Id, Problem> {
        let [(one, sum), (other, same)] = [self.way(first)?, self.way(second)?];
        let Layer { place, activation, .. } = self.layer(sum);
        if sum != same || self.head {
            return Err(self.layer(sum.max(same)).place.problem("adds maps that are not the two ends of a shortcut"));
        }
        // The longer way is the body.
        let (body, way) = if one.len() >= other.len() { (one, other) } else { (other, one) };
        let projection = match way[..] {
            [] => None,
            [id] => Some(id),
            _ => return Err(place.problem("adds two bodies; a shortcut has at most one 1×1 convolution")),
        };
        // Of two single convolutions, either may be the projection.
        let is_projection = |id: Id| match self.layer(id) {
            Layer { kind: Kind::Convolution { window, groups: 1, .. }, activation: Activation::Identity, .. } => {
                (window.rows.kernel, window.columns.kernel, window.has_padding()) == (1, 1, false)
            }
            _ => false,
        };
        let (body, projection) = match (projection, &body[..]) {
            (Some(id), &[single]) if !is_projection(id) && is_projection(single) => (vec![id], Some(single)),
            _ => (body, projection),
        };
        if let Some(id) = projection
            && !is_projection(id)
        {
            let problem = "is on a shortcut and is not a 1×1 convolution without an activation";
            return Err(self.layer(id).place.problem(problem));
        }
        if body.is_empty() {
            return Err(place.problem("adds a map to itself"));
        }
        debug_assert!(self.readers[begin].len() == 2);
        self.opening = if projection.is_some() { "proj(" } else { "res(" };
        let last = *body.last().unwrap_or(&begin);
        for id in body {
            self.block(id)?;
        }
        self.entries.extend(projection.map(Entry::Weights));
        self.entries.push(Entry::Sum { sum, body: last, shortcut: projection.unwrap_or(begin) });
        self.extend(&format!("){activation}"));
        self.open = 0;
        Ok(sum)
    }
}
