//! Distillation in the engine: a teacher's part of the gradient, and the conditions for a teacher.

use crate::images;
use crate::naive;

use images::{Images, is_close};
use naive::sums;
use nin_core::plan::Plan;
use nin_core::spec::Spec;
use nin_train::engine::distill::{self, Distill, Teacher, TeacherProblem};
use nin_train::network::parameters::{Init, initial, tensors};
use nin_train::network::preprocessing::Preprocessing;
use nin_train::network::trained::Trained;
use nin_train::support::random::{Purpose, Stream};
use nin_train::training::checkpoint::{Checkpoint, Problem};
use nin_train::training::error::TrainError;
use nin_train::{Arithmetic, Draw, Engine, Recipe, Source, Trainer};
use sha2::{Digest, Sha256};

const STUDENT: &str = "2x9x8 nin3+1:5,4 max3/2+1 nin3+2:6,3 gap fc4";
const TEACHER: &str = "2x9x8 nin3+1:16,16 max2/2 gap fc4";
/// A teacher of another size, which would process other numbers of images at a time.
const ASSISTANT: &str = "2x9x8 nin3+1:40,12 fc9,4";

/// Computes targets in f64: the teachers' softmax mixed with the labels.
struct Answered<'a> {
    images: &'a Images,
    targets: Vec<Vec<f64>>,
}

impl Source for Answered<'_> {
    fn len(&self) -> usize {
        self.images.len()
    }

    fn sample(&self, index: usize, image: &mut [f32], target: &mut [f32]) -> usize {
        let label = self.images.sample(index, image, target);
        target.iter_mut().zip(&self.targets[index]).for_each(|(to, value)| *to = *value as f32);
        label
    }
}

fn logits_of(plan: &Plan, parameters: &[f32], image: &[f32]) -> Vec<f64> {
    let exact: Vec<f64> = parameters.iter().map(|p| f64::from(*p)).collect();
    let tensors = tensors(plan);
    let mut x: Vec<f64> = image.iter().map(|v| f64::from(*v)).collect();
    for (index, layer) in plan.layers().enumerate() {
        let tensor = tensors.iter().find(|tensor| tensor.index == index);
        x = sums(&layer, tensor, &exact, &x, &[]);
        let Some(tensor) = tensor else { continue };
        for (i, value) in x.iter_mut().enumerate() {
            *value += exact[tensor.bias.start + i % layer.output.channels as usize];
            *value = if layer.relu { value.max(0.0) } else { *value };
        }
    }
    x
}

/// Returns the softmax of the mean of several networks' logits.
fn softmax_of(networks: &[(Spec, &[f32])], image: &[f32]) -> Vec<f64> {
    let logits: Vec<_> = networks.iter().map(|(spec, taught)| logits_of(&Plan::new(*spec), taught, image)).collect();
    let mean = |class| logits.iter().map(|logits| logits[class]).sum::<f64>() / logits.len() as f64;
    let exp: Vec<f64> = (0..logits[0].len()).map(|class| f64::exp(mean(class))).collect();
    let sum: f64 = exp.iter().sum();
    exp.iter().map(|value| value / sum).collect()
}

/// At temperature 1, a teacher only changes the targets: the gradient must be that of the mixed targets, whatever the
/// chunks of teachers and student.
#[test]
fn at_temperature_one_teachers_mix_the_targets() {
    let student = Plan::new(Spec::new(STUDENT));
    let mut stream = Stream::new(5, Purpose::Weights, 0, 0);
    let networks = [TEACHER, ASSISTANT].map(|line| {
        let plan = Plan::new(Spec::new(line));
        let mut taught: Vec<f32> = initial(&plan, Init::He, 3);
        taught.iter_mut().for_each(|value| *value *= 2.0);
        (*plan.spec(), taught)
    });
    let teachers = networks.each_ref().map(|(spec, taught)| (*spec, &taught[..]));
    let labels: Vec<usize> = (0..29).map(|i| i % 4).collect();
    let values = (0..labels.len() * student.shape(0).len()).map(|_| stream.unit()).collect();
    let images = Images::new(values, labels, 4);
    for (share, teachers) in [(0.3, &teachers[..1]), (1.0, &teachers[..1]), (0.3, &teachers), (1.0, &teachers)] {
        let targets = (0..images.len()).map(|index| {
            let mut target = softmax_of(teachers, images.image(index));
            target.iter_mut().for_each(|value| *value *= f64::from(share));
            target[images.labels[index]] += 1.0 - f64::from(share);
            target
        });
        let answered = Answered { images: &images, targets: targets.collect() };
        for together in [None, Some(13)] {
            let mut parameters = initial(&student, Init::He, 1);
            let engine = || match together {
                Some(together) => {
                    Engine::new(*student.spec(), &Arithmetic::Normalized { images: together }, 29, 2).unwrap()
                }
                None => Engine::new(*student.spec(), &Arithmetic::Float, 29, 2).unwrap(),
            };
            if together.is_some() {
                parameters = nin_train::network::normalization::extend(&student, parameters);
                parameters.truncate(nin_train::network::normalization::trainable(&student));
            }
            let gradient = |engine: &mut Engine, source: &dyn Fn(&mut Engine, &mut [f32])| {
                engine.load(&parameters);
                let mut gradient = vec![0.0; parameters.len()];
                source(engine, &mut gradient);
                gradient
            };
            let draw = Draw { seed: 0, step: 0 };
            let mut plain = engine();
            let want = gradient(&mut plain, &|engine, to| {
                engine.gradient(&answered, draw, to);
            });
            let mut lessons = engine();
            lessons.teach(teachers, Distill { share, temperature: 1.0 }, distill::Recurrence::Recurring);
            let got = gradient(&mut lessons, &|engine, to| {
                engine.gradient(&images, draw, to);
            });
            let size = want.iter().fold(0.0f32, |a, b| a.max(b.abs()));
            assert!(size > 1e-3, "a gradient to compare");
            for (got, want) in got.iter().zip(&want) {
                assert!((got - want).abs() <= 1e-5 * size, "{share} {together:?}: {got} {want}");
            }
            // An evaluation uses no teacher.
            let [a, b] = [&mut lessons, &mut plain].map(|engine| engine.forward(&images, |_, _, _| {}));
            assert!(is_close(a.loss, b.loss, 1e-12));
        }
    }
}

/// Images in a new order, some of them repeated: the same bytes whether or not the teacher has computed them before.
/// This teacher is wide enough for Winograd tiles.
#[test]
fn what_a_teacher_remembers_it_would_say_again() {
    let [student, teacher] =
        [STUDENT, "2x9x8 nin3+1:32,32 nin3+1:32 max2/2 gap fc4"].map(|line| Plan::new(Spec::new(line)));
    let parameters = initial(&student, Init::He, 1);
    let taught = initial(&teacher, Init::He, 3);
    let mut stream = Stream::new(6, Purpose::Weights, 0, 0);
    let len = student.shape(0).len();
    let values: Vec<f32> = (0..40 * len).map(|_| stream.unit()).collect();
    let batch = |indices: &[usize]| {
        let values = indices.iter().flat_map(|index| values[index * len..][..len].iter().copied()).collect();
        Images::new(values, indices.iter().map(|index| index % 4).collect(), 4)
    };
    let engine = |images| {
        let mut engine = Engine::new(*student.spec(), &Arithmetic::Float, 40, 2).unwrap();
        engine.teach(&[(*teacher.spec(), &taught)], Distill::default(), images);
        engine.load(&parameters);
        engine
    };
    let gradient = |engine: &mut Engine, images: &Images| {
        let mut gradient = vec![0.0; parameters.len()];
        let outcome = engine.gradient(images, Draw { seed: 0, step: 0 }, &mut gradient);
        (outcome, gradient.iter().map(|value| value.to_bits()).collect::<Vec<u32>>())
    };
    let mut experienced = engine(distill::Recurrence::Recurring);
    for indices in
        [(0..40).step_by(3).collect::<Vec<usize>>(), (0..40).collect(), (0..40).rev().collect(), vec![5, 5, 39, 0, 5]]
    {
        let images = batch(&indices);
        let mut forgetful = engine(distill::Recurrence::AlwaysNew);
        assert!(gradient(&mut experienced, &images) == gradient(&mut forgetful, &images), "{indices:?}");
    }
}

fn trained(line: &str, names: &[&str]) -> Trained {
    let spec = Spec::new(line);
    let plan = Plan::new(spec);
    Trained {
        spec,
        parameters: initial(&plan, Init::He, 1),
        preprocessing: Preprocessing::unit(plan.shape(0).channels.into()),
        class_names: names.iter().map(|name| (*name).to_owned()).collect(),
    }
}

#[test]
fn who_cannot_teach_is_told_why() {
    let student = Plan::new(Spec::new(STUDENT));
    let unit = Preprocessing::unit(2);
    let names = ["a", "b", "c", "d"].map(String::from);
    let teacher = |trained: &Trained| Teacher::new(trained, &student, &unit, &names);
    let fit = teacher(&trained(TEACHER, &["a", "b", "c", "d"])).expect("a fit teacher");
    assert_eq!(fit.spec.to_string(), TEACHER);
    assert!(teacher(&trained(TEACHER, &[])).is_ok(), "one that names nothing");
    let problem = teacher(&trained("2x9x9 gap fc4", &[])).unwrap_err();
    assert!(matches!(problem, TeacherProblem::Input { .. }), "{problem}");
    let problem = teacher(&trained("2x9x8 gap fc5", &[])).unwrap_err();
    assert_eq!(problem, TeacherProblem::Classes { found: 5, wanted: 4 });
    let problem = teacher(&trained(TEACHER, &["b", "a", "c", "d"])).unwrap_err();
    assert!(matches!(problem, TeacherProblem::Names(_)), "{problem}");
    let mut other = trained(TEACHER, &[]);
    other.preprocessing.mean[1] = 3.0;
    assert_eq!(teacher(&other).unwrap_err(), TeacherProblem::Preprocessing);
}

#[test]
fn a_checkpoint_and_its_teachers_belong_together() {
    let recipe = Recipe { distill: Some(Distill::default()), ..Recipe::default() };
    let student = trained(STUDENT, &[]);
    let begun =
        Checkpoint::begin(&student.spec, recipe, student.preprocessing.clone(), Vec::new(), student.parameters.clone());
    let error = Trainer::resume(begun.clone(), 1).expect_err("nobody teaches");
    assert!(matches!(error, TrainError::Recipe(_)), "{error}");
    let error = Checkpoint::from_bytes(&begun.to_bytes()).expect_err("nobody teaches");
    assert!(matches!(error, Problem::Header(_)), "{error}");

    let teacher = |line: &str, dropped: usize| {
        let mut trained = trained(line, &[]);
        trained.parameters.truncate(trained.parameters.len() - dropped);
        Teacher { spec: trained.spec, parameters: trained.parameters }
    };
    for teachers in [vec![teacher(TEACHER, 0)], vec![teacher(TEACHER, 0), teacher(ASSISTANT, 0)]] {
        let whole = Checkpoint { teachers, ..begun.clone() };
        assert_eq!(Checkpoint::from_bytes(&whole.to_bytes()).expect("a whole checkpoint"), whole);
    }
    for (line, dropped) in [(TEACHER, 1), ("2x9x9 gap fc4", 0), ("2x9x8 gap fc5", 0)] {
        let broken = Checkpoint { teachers: vec![teacher(TEACHER, 0), teacher(line, dropped)], ..begun.clone() };
        let error = Trainer::resume(broken.clone(), 1).expect_err("an unfit teacher");
        assert!(matches!(error, TrainError::Recipe(_)), "{line}: {error}");
        let error = Checkpoint::from_bytes(&broken.to_bytes()).expect_err(line);
        assert!(matches!(error, Problem::Header(_)), "{line}: {error}");
    }
    // A valid file whose teacher has an invalid line.
    let mut file = Checkpoint { teachers: vec![teacher(TEACHER, 0)], ..begun }.to_bytes();
    let line = format!("[\"{TEACHER}\"]");
    let at = file.windows(line.len()).position(|bytes| bytes == line.as_bytes()).expect("the teacher's line");
    file[at + 2] = b'x';
    let content = file.len() - 32;
    let hash = Sha256::digest(&file[..content]);
    file[content..].copy_from_slice(&hash);
    let error = Checkpoint::from_bytes(&file).expect_err("no line");
    assert!(error.to_string().contains("a teacher's line is wrong"), "{error}");
}
