//! Functions that the examples share: they classify images, and print answers, time and memory. [`camera`] does so
//! with the frames of a camera.

pub mod camera;

use core::convert::Infallible;
use core::fmt;

use nin_core::{Answer, Model, Network, NetworkError, Shape, argmax, top_k};

use crate::{Board, Error, FASHION, LevelFormat, formula_level, images_in, say};

/// Classifies the ten bundled images, and prints the class and time of each and the memory that the firmware used. With
/// the argument `bits` it also prints the logits as the bits of floats, to compare them with another machine's.
///
/// # Errors
///
/// If the network's input is not 1×28×28, if it does not have ten outputs, or if static memory and stack exceed
/// `ram_budget`.
pub fn fashion<F: LevelFormat>(
    board: &impl Board,
    mut network: Network<'_, F>,
    ram_budget: usize,
) -> Result<(), Error> {
    const CLASSES: usize = 10;
    let model = network.model();
    let plan = model.plan();
    let planned = size_of::<u32>() * model.state_words();
    if plan.classes() != CLASSES {
        return Err(Error::Classes { expected: CLASSES, found: plan.classes() });
    }
    if plan.shape(0) != FASHION.shape() {
        return Err(Error::Input { expected: FASHION.shape(), found: plan.shape(0) });
    }
    say!(board, "{} with {} weights on {}", plan.spec(), model.weight_type().name(), board.name());

    let (mut right, mut longest) = (0, 0);
    for (index, (image, label)) in FASHION.iter().enumerate() {
        let start = board.clock();
        let Ok(logits) = network.infer(|y, row| {
            let bytes = image.row(y);
            F::write_row(model, row, |x, _| f32::from(bytes[x]));
            Ok::<(), Infallible>(())
        });
        let took = board.clock() - start;
        longest = longest.max(took);
        right += usize::from(argmax(logits) == Some(label));

        let mut probabilities = [0.0; CLASSES];
        probabilities.copy_from_slice(logits);
        model.decision().probabilities(&mut probabilities);
        let top = top_k::<3>(&probabilities);
        let show = |class, probability| Guess { name: Name(model, class), probability };
        say!(board, "image {index}: {}, {took} {}", Name(model, label), board.unit());
        if model.answer(logits) == Answer::Unknown {
            say!(board, "    {}", Said(model, Answer::Unknown));
        }
        for &(class, probability) in &top {
            say!(board, "    {}", show(class, probability));
        }
        if board.asked("bits") {
            say!(board, "    logits {}", Bits(logits));
        }
    }
    say!(board, "{right} of {} images right", FASHION.len());
    say!(board, "at most {longest} {}, {} per MAC", board.unit(), PerMac(longest, plan.macs()));
    memory(board, planned, ram_budget)
}

/// Classifies images with a model from a partition, and prints the answers and the logits as the bits of floats. The
/// images are the test images that follow the model in the partition; without any, ten images of Fashion-MNIST, resized
/// to the network's input.
///
/// Arguments of the firmware choose other images: with `formula=COUNTER` a formula computes their pixels, starting at a
/// counter; with `camera=COUNTER` such pixels pass through a [`FrameReader`](nin_core::camera::FrameReader) as the
/// frames of a larger camera. `count=N` is the number of images.
///
/// # Errors
///
/// If the network cannot be set up, if the images do not fit it, or for the reasons of [`memory`].
pub fn partition<F: LevelFormat>(
    board: &impl Board,
    model: &Model<'_>,
    state: &mut [u32],
    ram_budget: usize,
) -> Result<(), Error> {
    let plan = model.plan();
    let input = plan.spec().input();
    say!(board, "{} with {} weights on {}", plan.spec(), model.weight_type().name(), board.name());
    let Some((state, rest)) = state.split_at_mut_checked(model.state_words()) else {
        return Err(Error::Network(NetworkError::State { needed: model.state_words(), found: state.len() }));
    };
    let mut network = Network::<F>::new(model, state)?;
    let count = board.number("count").map(|count| count as usize);
    if let Some(counter) = board.number("camera") {
        camera::show(board, network, counter, count.unwrap_or(1), rest)?;
    } else if let Some(counter) = board.number("formula") {
        for index in 0..count.unwrap_or(FASHION.len()) {
            let first = counter + (index * input.len()) as u64;
            let at = |y: usize, x: usize, channel: usize| (channel * input.pixels() + y * columns(input) + x) as u64;
            answer(board, &mut network, index, None, |y, x, channel| formula_level(first + at(y, x, channel)));
        }
    } else if let Some(images) = images_in(board.models())? {
        if images.shape() != input {
            return Err(Error::Input { expected: images.shape(), found: input });
        }
        let count = count.unwrap_or(images.len()).min(images.len());
        let mut right = 0;
        for index in 0..count {
            let label = images.label(index);
            let level = |y, x, channel| f32::from(images.row(index, y)[x * usize::from(input.channels) + channel]);
            right += usize::from(answer(board, &mut network, index, Some(label), level));
        }
        say!(board, "{right} of {count} images right");
    } else if input.channels != 1 {
        return Err(Error::Channels(input.channels.into()));
    } else {
        let images = FASHION.iter().cycle().take(count.unwrap_or(FASHION.len()));
        for (index, (image, _)) in images.enumerate() {
            answer(board, &mut network, index, None, |y, x, _| image.fitted(input, y, x).into());
        }
    }
    memory(board, size_of::<u32>() * model.state_words(), ram_budget)
}

fn columns(shape: Shape) -> usize {
    shape.columns.into()
}

/// Classifies one image and prints the answer; returns whether it is right. `level(y, x, channel)` returns a level from
/// 0 to 255.
fn answer<F: LevelFormat>(
    board: &impl Board,
    network: &mut Network<'_, F>,
    index: usize,
    label: Option<usize>,
    level: impl Fn(usize, usize, usize) -> f32,
) -> bool {
    let model = network.model();
    let start = board.clock();
    let Ok(logits) = network.infer(|y, row| {
        F::write_row(model, row, |x, channel| level(y, x, channel));
        Ok::<(), Infallible>(())
    });
    let took = board.clock() - start;
    print(board, model, (index, label), logits, took)
}

/// Prints the answer to an image, and returns whether it is right.
fn print(
    board: &impl Board,
    model: &Model<'_>,
    (index, label): (usize, Option<usize>),
    logits: &[f32],
    took: u64,
) -> bool {
    let answer = model.answer(logits);
    let said = Said(model, answer);
    // The right answer to an image of the class for unknown images is "none of these".
    let expected = label.map(|label| match model.decision().unknown {
        Some(unknown) if usize::from(unknown) == label => Answer::Unknown,
        _ => Answer::Class(label),
    });
    match expected {
        Some(expected) if answer != expected => {
            say!(board, "image {index}: {said}, but it is {}, {took} {}", Said(model, expected), board.unit());
        }
        _ => say!(board, "image {index}: {said}, {took} {}", board.unit()),
    }
    say!(board, "    logits {}", Bits(logits));
    say!(board, "    {} {} per MAC", PerMac(took, model.plan().macs()), board.unit());
    expected == Some(answer)
}

/// Prints the memory that the firmware has used, and checks it.
///
/// # Errors
///
/// If static memory and stack exceed `ram_budget`, or if the stack has used all its memory.
pub fn memory(board: &impl Board, planned: usize, ram_budget: usize) -> Result<(), Error> {
    say!(board, "state planned: {planned} bytes");
    let Some(usage) = board.usage() else { return Ok(()) };
    say!(board, "static RAM (.data + .bss): {} bytes", usage.statics);
    say!(board, "stack at most: {} of {} bytes", usage.stack, usage.stack_limit);
    say!(board, "flash: {} bytes", usage.flash);
    let used = usage.statics + usage.stack;
    if usage.stack >= usage.stack_limit {
        return Err(Error::Stack(usage.stack_limit));
    }
    if used > ram_budget {
        return Err(Error::Memory { used, budget: ram_budget });
    }
    Ok(())
}

/// The name of a class, or its number if the model has no names.
struct Name<'a>(&'a Model<'a>, usize);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.class_name(self.1) {
            Some(name) => f.write_str(name),
            None => write!(f, "class {}", self.1),
        }
    }
}

/// The answer to an image in words.
struct Said<'a>(&'a Model<'a>, Answer);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Answer::Class(class) => Name(self.0, class).fmt(f),
            Answer::Unknown => f.write_str("none of these"),
        }
    }
}

/// A class and its probability, printed in tenths of a percent. Formatting a float would need more flash than the
/// engine.
struct Guess<'a> {
    name: Name<'a>,
    probability: f32,
}

impl fmt::Display for Guess<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.probability * 1000.0 + 0.5) as u32;
        write!(f, "{:3}.{} % {}", tenths / 10, tenths % 10, self.name)
    }
}

/// Floats as the hexadecimal digits of their bits.
pub struct Bits<'a>(pub &'a [f32]);

impl fmt::Display for Bits<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(index, value)| {
            let gap = if index == 0 { "" } else { " " };
            write!(f, "{gap}{:08x}", value.to_bits())
        })
    }
}

/// A time and a number of multiply-accumulates, printed as their quotient, rounded to hundredths.
struct PerMac(u64, u64);

impl fmt::Display for PerMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PerMac(took, macs) = *self;
        let macs = macs.max(1);
        let hundredths = (took * 100 + macs / 2) / macs;
        write!(f, "{}.{:02}", hundredths / 100, hundredths % 100)
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::PerMac;

    #[test]
    fn hundredths_are_rounded() {
        for (took, macs, text) in [
            (7_877_760, 6_852_640, "1.15"),
            (1_144, 1_000, "1.14"),
            (1_995, 1_000, "2.00"),
            (5, 1_000, "0.01"),
            (4, 1_000, "0.00"),
            (3, 0, "3.00"),
        ] {
            assert_eq!(PerMac(took, macs).to_string(), text);
        }
    }
}
