//! Names of tensors: those of the book's model, and the natural order of others.

use std::cmp::Ordering;

use ::safetensors::tensor::TensorView;
use nin_core::plan::LayerKind;
use nin_core::{Plan, Stage};

/// Returns the name of each layer with weights in the state dict of the book's model, without `.weight` or `.bias`.
///
/// The book builds `self.net = nn.Sequential(…)`, whose children are numbered: a block is one child, itself a
/// `Sequential` of convolutions and ReLUs (`net.0.0`, `net.0.2`, …); a pool or dropout is one child; a global average
/// is two, the average and a `Flatten`; fully connected layers are children themselves, after a `Flatten` unless they
/// follow a global average or one another, each with its ReLU.
pub fn book_names(plan: &Plan) -> Vec<String> {
    let mut names = Vec::new();
    let (mut child, mut flat) = (0, false);
    for (stage, kind) in plan.spec().stages().iter().enumerate() {
        match kind {
            Stage::Block(_) => {
                let layers = (0..).map_while(|step| plan.layer(stage, step)).count();
                names.extend((0..layers).map(|layer| format!("net.{child}.{}", 2 * layer)));
                child += 1;
            }
            Stage::Full(_) => {
                child += usize::from(!flat);
                flat = true;
                for layer in (0..).map_while(|step| plan.layer(stage, step)) {
                    debug_assert!(matches!(layer.kind, LayerKind::Full));
                    names.push(format!("net.{child}"));
                    child += 1 + usize::from(layer.relu);
                }
            }
            Stage::GlobalAverage => {
                child += 2;
                flat = true;
            }
            Stage::MaxPool(_) | Stage::AvgPool(_) | Stage::MeanPool(_) | Stage::Dropout(_) => child += 1,
            // Such a line cannot be trained.
            Stage::Sum(_) => {}
        }
    }
    names
}

/// A tensor and its name.
pub(super) type Named<'a, 'd> = (&'a str, TensorView<'d>);

/// Returns the name of a tensor without its last part: `conv1` of `conv1.weight`.
pub(super) fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(stem, _)| stem)
}

/// Compares names so that runs of digits count as numbers: `conv2` before `conv10`.
pub(super) fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let ((first, rest_a), (second, rest_b)) = match (piece(a), piece(b)) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => (a, b),
        };
        let digits = |piece: &str| piece.starts_with(|c: char| c.is_ascii_digit());
        let ordering = if digits(first) && digits(second) {
            // Numbers of any length: without leading zeros, the longer one is larger.
            let (x, y) = (first.trim_start_matches('0'), second.trim_start_matches('0'));
            x.len().cmp(&y.len()).then(x.cmp(y)).then(first.len().cmp(&second.len()))
        } else {
            first.cmp(second)
        };
        if ordering.is_ne() {
            return ordering;
        }
        (a, b) = (rest_a, rest_b);
    }
}

/// Returns whether numbers in two names tell which layer comes first: `conv2` and `conv10` do, `body` and `stem` do not.
pub(super) fn is_ordered(a: &str, b: &str) -> bool {
    let digits = |piece: &str| piece.starts_with(|c: char| c.is_ascii_digit());
    let (mut a, mut b) = (a, b);
    loop {
        match (piece(a), piece(b)) {
            (Some((first, rest_a)), Some((second, rest_b))) if first == second => (a, b) = (rest_a, rest_b),
            (Some((first, _)), Some((second, _))) => return digits(first) && digits(second),
            (None, Some((more, _))) | (Some((more, _)), None) => return digits(more),
            (None, None) => return false,
        }
    }
}

/// Splits `text` after its leading digits or, if there are none, after its first character. `None` if it is empty.
fn piece(text: &str) -> Option<(&str, &str)> {
    let first = text.chars().next()?;
    let end = match first.is_ascii_digit() {
        true => text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()),
        false => first.len_utf8(),
    };
    Some(text.split_at(end))
}

#[cfg(test)]
mod tests {
    use nin_core::{Plan, Spec};

    use super::{book_names, is_ordered, natural};

    fn names(line: &str) -> Vec<String> {
        book_names(&Plan::new(Spec::new(line)))
    }

    #[test]
    fn d2l_has_the_names_of_the_books_state_dict() {
        let plan = Plan::new(Spec::preset("d2l").unwrap());
        let expected = [0, 2, 4, 7].map(|child| [0, 2, 4].map(|layer| format!("net.{child}.{layer}")));
        assert_eq!(book_names(&plan), expected.concat());
    }

    #[test]
    fn fully_connected_layers_count_flatten_relu_and_dropout() {
        // The book's LeNet: Flatten is child 4 and sigmoids are counted as our ReLUs are.
        assert_eq!(names("1x28x28 nin5+2:6 avg2/2 nin5:16 avg2/2 fc120,84,10")[2..], ["net.5", "net.7", "net.9"]);
        // As in the book's AlexNet: Linear, ReLU, Dropout, Linear, ReLU, Dropout, Linear.
        assert_eq!(names("1x8x8 nin3:4 fc6 drop0.5 fc5 drop0.5 fc3")[1..], ["net.2", "net.5", "net.8"]);
        assert_eq!(names("1x8x8 nin3:4 gap fc3"), ["net.0.0", "net.3"]);
        assert_eq!(names("1x8x8 nin3:4 gap drop0.5 fc3"), ["net.0.0", "net.4"]);
    }

    #[test]
    fn natural_order_reads_numbers() {
        let mut sorted = ["net.10.0", "net.2.10", "a", "net.2.9", "net.2", "", "net.002.9"];
        sorted.sort_by(|a, b| natural(a, b));
        assert_eq!(sorted, ["", "a", "net.2", "net.2.9", "net.2.10", "net.002.9", "net.10.0"]);
    }

    #[test]
    fn only_numbers_order_layers() {
        for (a, b) in [("conv2", "conv10"), ("conv", "conv2"), ("layer1.0.conv2", "layer1.1.conv1"), ("0.0", "0.12")] {
            assert!(is_ordered(a, b) && is_ordered(b, a), "{a} {b}");
        }
        for (a, b) in [("body", "stem"), ("conv1", "layer1"), ("conv.1", "conv.a"), ("net", "net.a"), ("a", "a")] {
            assert!(!is_ordered(a, b) && !is_ordered(b, a), "{a} {b}");
        }
    }
}
