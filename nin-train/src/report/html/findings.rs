//! A trained network's results on the test images, computed once for the terminal and for the page.

use std::sync::{Mutex, PoisonError};

use nin_core::{Decision, Score, argmax};

use crate::data::Dataset;
use crate::engine::Engine;
use crate::engine::confidence::{Judged, Point, calibration_error, confidence, curve};
use crate::engine::source::Source;
use crate::network::trained::Trained;
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
            let prediction = argmax(logits).unwrap_or(0);
            let [plain, probability] =
                [1.0, decision.temperature].map(|temperature| confidence(logits, label, temperature).0);
            let score = decision.threshold.map_or(Score::Logit, |threshold| threshold.score).of(logits);
            let answer = (Answer { index, label, prediction, probability }, plain, score);
            let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
            answers[index] = Some(answer);
        })?;
        let answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
        let answers: Vec<(Answer, f64, f32)> = answers.into_iter().flatten().collect();
        let confidence = Confidence::new(decision, &answers);
        let answers: Vec<Answer> = answers.into_iter().map(|(answer, ..)| answer).collect();

        let mut mistakes: Vec<_> = answers.iter().filter(|answer| answer.label != answer.prediction).copied().collect();
        // The sort is stable: equal probabilities stay in the order of the images.
        mistakes.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        mistakes.truncate(MISTAKES);

        let head = Head::of(engine.plan());
        let first = of_each_class(test, 1).into_iter().take(SAMPLES);
        let samples = first.filter_map(|first| {
            let of_class = || answers.iter().filter(|answer| answer.label == test.label(first));
            // A correctly predicted image, if there is one.
            of_class().find(|answer| answer.label == answer.prediction).or_else(|| of_class().next()).copied()
        });
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
        let samples = samples
            .map(|answer| {
                batch.sample(answer.index, &mut image, &mut target);
                let maps = head.as_ref().ok().and_then(|head| head.maps(trained, &engine.activations(&image)));
                (answer, maps)
            })
            .collect();
        Ok(Self { evaluation, mistakes, samples, confidence })
    }
}

impl Confidence {
    /// Summarises answers, each with its probability without the temperature and its score.
    fn new(decision: &Decision, answers: &[(Answer, f64, f32)]) -> Self {
        let right = |answer: &Answer| answer.label == answer.prediction;
        let plain = calibration_error(answers.iter().map(|(answer, plain, _)| (*plain, right(answer))));
        let calibrated = calibration_error(answers.iter().map(|(answer, ..)| (answer.probability, right(answer))));
        let unknown = |answer: &Answer| decision.unknown.map(usize::from) == Some(answer.prediction);
        // The class for unknown images is rejected whatever its score.
        let judged = answers.iter().map(|(answer, _, score)| match unknown(answer) {
            true => Judged { score: f32::NEG_INFINITY, right: false },
            false => Judged { score: *score, right: right(answer) },
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
