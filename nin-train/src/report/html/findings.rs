//! A trained network's results on the test images, computed once for the terminal and for the page.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use ndarray::s;
use nin_core::{Decision, Model, Score, argmax};
use rayon::prelude::*;

use crate::data::Dataset;
use crate::engine::Engine;
use crate::engine::confidence::{Judged, Point, calibration_error, confidence, curve};
use crate::engine::source::Source;
use crate::engine::streaming::{Streaming, StreamingError, cross_entropy, finite};
use crate::network::trained::Trained;
use crate::report::Network;
use crate::report::pictures::of_each_class;
use crate::training::batch::Batch;
use crate::training::error::TrainError;
use crate::training::evaluation::{Evaluation, evaluate_each};

use super::maps::{ClassMaps, Head};

/// The largest number of mistakes kept.
const MISTAKES: usize = 24;
/// The shares of right answers that the thresholds on the page keep.
const SHARES: [f64; 8] = [1.0, 0.99, 0.98, 0.95, 0.9, 0.8, 0.7, 0.5];
/// The largest number of classes with a sample.
const SAMPLES: usize = 20;

/// A network's results on the test images.
#[derive(Clone, Debug)]
pub struct Findings {
    /// Loss, accuracy and confusion matrix.
    pub evaluation: Evaluation,
    /// The mistakes with the highest predicted probability, in descending order.
    pub(super) mistakes: Vec<Answer>,
    /// One image of each class with its class maps.
    pub(super) samples: Vec<(Answer, Option<ClassMaps>)>,
    /// How far the answers can be trusted.
    pub(super) confidence: Confidence,
}

/// How far a network's answers to the test images can be trusted.
#[derive(Clone, Debug)]
pub(super) struct Confidence {
    /// The network's decision.
    pub(super) decision: Decision,
    /// The expected calibration error without and with the temperature.
    pub(super) calibration_error: [f64; 2],
    /// What thresholds accept, from the lowest on: the model's own first, if it has one.
    pub(super) thresholds: Vec<Point>,
}

/// A network's prediction for one image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Answer {
    /// Index in the test images.
    pub(super) index: usize,
    /// The true class.
    pub(super) label: usize,
    /// The predicted class.
    pub(super) prediction: usize,
    /// The probability of the predicted class.
    pub(super) probability: f64,
}

impl Answer {
    /// Returns whether the predicted class is the true one.
    fn is_right(&self) -> bool {
        self.label == self.prediction
    }
}

/// A prediction with what its confidence is judged by.
#[derive(Clone, Copy, Debug)]
struct Scored {
    answer: Answer,
    /// The probability of the predicted class without the temperature.
    plain: f64,
    /// The score that a threshold is compared with.
    score: f32,
}

impl Scored {
    /// Returns the prediction that logits make.
    fn new(index: usize, label: usize, logits: &[f32], decision: &Decision) -> Self {
        let prediction = argmax(logits).unwrap_or(0);
        let [plain, probability] =
            [1.0, decision.temperature].map(|temperature| confidence(logits, label, temperature).0);
        let score = decision.threshold.map_or(Score::Logit, |threshold| threshold.score).of(logits);
        Self { answer: Answer { index, label, prediction, probability }, plain, score }
    }
}

impl Findings {
    /// Runs the network, which `engine` has loaded, on the test images. `decision` is how its logits become answers and
    /// probabilities.
    ///
    /// # Errors
    ///
    /// [`TrainError`] if the images do not fit the network.
    pub fn new(mut engine: Engine, trained: &Trained, decision: &Decision, test: &Dataset) -> Result<Self, TrainError> {
        let answers = Mutex::new(vec![None; test.len()]);
        let evaluation = evaluate_each(&mut engine, test, &trained.preprocessing, |index, label, logits| {
            let answer = Scored::new(index, label, logits, decision);
            let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
            answers[index] = Some(answer);
        })?;
        let answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
        let answers: Vec<Scored> = answers.into_iter().flatten().collect();

        let head = Head::of(engine.plan());
        let batch = Batch {
            data: test,
            indices: None,
            input: engine.plan().shape(0),
            preprocessing: &trained.preprocessing,
            changes: None,
            smoothing: 0.0,
            class_weights: &[],
        };
        let (mut image, mut target) = (vec![0.0; batch.input.len()], vec![0.0; trained.spec.classes()]);
        Ok(Self::of(evaluation, &answers, decision, test, |index| {
            batch.sample(index, &mut image, &mut target);
            head.as_ref().ok().and_then(|head| head.maps(trained, &engine.activations(&image)))
        }))
    }

    /// Runs a model on the test images with the engine of the board, on all threads of the current rayon pool, and calls
    /// `done` with the number of images after each group of them. `network` has the model's weights.
    ///
    /// # Errors
    ///
    /// [`StreamingError`] if the images do not fit the network, this build cannot run the model, or its logits are no
    /// finite numbers.
    pub fn of_model(
        model: &Model<'_>,
        network: Network<'_>,
        test: &Dataset,
        done: &(dyn Fn(usize) + Sync),
    ) -> Result<Self, StreamingError> {
        /// Images of one task.
        const GROUP: usize = 16;
        let decision = model.decision();
        let start = Instant::now();
        let indices: Vec<usize> = (0..test.len()).collect();
        let groups: Vec<Result<Vec<(Scored, f64)>, StreamingError>> = indices
            .par_chunks(GROUP)
            .map_init(
                || Streaming::new(model),
                |streaming, group| {
                    let results = group.iter().map(|&index| {
                        let logits = finite(streaming.classify(test.image(index), test.shape())?)?;
                        let label = test.label(index);
                        Ok((Scored::new(index, label, &logits, decision), cross_entropy(&logits, label)))
                    });
                    let results = results.collect();
                    done(group.len());
                    results
                },
            )
            .collect();
        let mut confusion = vec![vec![0; model.plan().classes()]; test.class_names().len()];
        let (mut answers, mut loss) = (Vec::with_capacity(test.len()), 0.0);
        for group in groups {
            for (scored, own) in group? {
                confusion[scored.answer.label][scored.answer.prediction] += 1;
                loss += own;
                answers.push(scored);
            }
        }
        let images = answers.len();
        let right = answers.iter().filter(|scored| scored.answer.is_right()).count();
        let evaluation = Evaluation {
            loss: loss / images.max(1) as f64,
            accuracy: right as f64 / images.max(1) as f64,
            images,
            confusion,
            images_per_second: images as f64 / start.elapsed().as_secs_f64(),
        };
        let head = Head::of(model.plan());
        let maps = |index: usize| {
            let image = test.images().slice_move(s![index..=index, .., .., ..]);
            // The same images ran before.
            head.as_ref().ok().and_then(|head| head.maps_of_model(model, network, image).ok().flatten())
        };
        Ok(Self::of(evaluation, &answers, decision, test, maps))
    }

    /// Returns the findings of all answers, in the order of the images. `maps` makes the class maps of an image.
    fn of(
        evaluation: Evaluation,
        scored: &[Scored],
        decision: &Decision,
        test: &Dataset,
        mut maps: impl FnMut(usize) -> Option<ClassMaps>,
    ) -> Self {
        let confidence = Confidence::new(decision, scored);
        let answers: Vec<Answer> = scored.iter().map(|scored| scored.answer).collect();

        let mut mistakes: Vec<_> = answers.iter().filter(|answer| !answer.is_right()).copied().collect();
        // The sort is stable: equal probabilities stay in the order of the images.
        mistakes.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        mistakes.truncate(MISTAKES);

        let first = of_each_class(test, 1).into_iter().take(SAMPLES);
        let samples = first.filter_map(|first| {
            let of_class = || answers.iter().filter(|answer| answer.label == test.label(first));
            // A correctly predicted image, if there is one.
            of_class().find(|answer| answer.is_right()).or_else(|| of_class().next()).copied()
        });
        let samples = samples.map(|answer| (answer, maps(answer.index))).collect();
        Self { evaluation, mistakes, samples, confidence }
    }
}

impl Confidence {
    /// Summarises answers.
    fn new(decision: &Decision, answers: &[Scored]) -> Self {
        let plain = calibration_error(answers.iter().map(|scored| (scored.plain, scored.answer.is_right())));
        let calibrated =
            calibration_error(answers.iter().map(|scored| (scored.answer.probability, scored.answer.is_right())));
        let unknown = |answer: &Answer| decision.unknown.map(usize::from) == Some(answer.prediction);
        // The class for unknown images is rejected whatever its score.
        let judged = answers.iter().map(|Scored { answer, score, .. }| match unknown(answer) {
            true => Judged { score: f32::NEG_INFINITY, right: false },
            false => Judged { score: *score, right: answer.is_right() },
        });
        let judged: Vec<Judged> = judged.collect();
        let own = decision.threshold.map(|threshold| Point::at(&judged, threshold.value));
        let thresholds = own.into_iter().chain(curve(&judged, &SHARES)).collect();
        Self { decision: *decision, calibration_error: [plain, calibrated], thresholds }
    }
}

#[cfg(test)]
mod tests {
    use nin_core::{Plan, Shape, Spec};

    use super::Findings;
    use crate::data::Dataset;
    use crate::engine::{Arithmetic, Engine};
    use crate::network::preprocessing::Preprocessing;
    use crate::network::trained::Trained;

    /// The mean of each channel is its logit: the brighter of two channels is the answer.
    #[test]
    fn the_surest_mistakes_come_first() {
        let spec = Spec::new("2x1x2 gap");
        assert_eq!(Plan::new(spec).parameters(), 0);
        let names = vec!["left".to_owned(), "right".to_owned()];
        let trained =
            Trained { spec, parameters: Vec::new(), preprocessing: Preprocessing::unit(2), class_names: names.clone() };
        // Channels last: two pixels of two channels each.
        let images = vec![200, 0, 200, 0, 0, 250, 0, 250, 0, 90, 10, 90, 10, 0, 10, 0];
        let shape = Shape { channels: 2, rows: 1, columns: 2 };
        let test = Dataset::new(images, shape, vec![0, 0, 0, 1], names).unwrap();
        let engine = Engine::new(spec, &Arithmetic::Float, 0, 1).unwrap();
        let findings = Findings::new(engine, &trained, &nin_core::Decision::PLAIN, &test).unwrap();
        assert_eq!(findings.evaluation.confusion, [[1, 2], [1, 0]]);
        let indices: Vec<_> = findings.mistakes.iter().map(|mistake| mistake.index).collect();
        assert_eq!(indices, [1, 2, 3]);
        assert!(findings.mistakes[0].probability > 0.7);
        let samples: Vec<_> = findings.samples.iter().map(|(answer, _)| answer.index).collect();
        assert_eq!(samples, [0, 3], "the first that is right, or the first");
        let maps = findings.samples[0].1.as_ref().unwrap();
        assert_eq!(maps.map(0), [200.0 * (1.0 / 255.0); 2], "a class's map is its channel");
        assert_eq!(maps.map(1), [0.0, 0.0]);
    }
}
