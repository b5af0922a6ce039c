//! The flags of `train`, and what they make.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use nin_core::{Plan, Spec};
use nin_train::Recipe;
use nin_train::architecture::Architecture;
use nin_train::batch::{Augment, Preprocessing};
use nin_train::checkpoint::Checkpoint;
use nin_train::dataset::Dataset;
use nin_train::distill::{Distill, Teacher};
use nin_train::export;
use nin_train::optim::Optimizer;
use nin_train::parameters::{Init, initial, tensors, transfer};
use nin_train::quantize::{self, Weights, aware};
use nin_train::schedule::Schedule;
use nin_train::trained::Trained;

use super::super::Console;
use super::super::images::{self, ImageArgs};
use super::folder::RunFolder;
use super::{Outcome, Start, networks};

/// The book's networks, which it trains by plain SGD at a constant rate.
const BOOK: [&str; 4] = ["d2l", "lenet", "alexnet", "vgg-11"];
/// Epochs when nobody says how many: about three minutes for `fashion` on two cores.
const EPOCHS: u32 = 5;
/// Epochs of quantisation-aware training, and its learning rates for AdamW and SGD: a network that is trained already
/// has only its rounding to learn.
const QAT: (u32, f32, f32) = (3, 0.0003, 0.001);
/// Training images that quantisation-aware training finds its first ranges on.
const CALIBRATION: usize = 1000;

/// Flags of `train`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  nin-train train                                          the same as nin-train alone
  nin-train train --epochs 20                              more accurate
  nin-train train --epochs 30 --optimizer sgd --batch-norm --flip --crop 2 --erase 0.25 --validation 0.1
  nin-train train --preset d2l --lr 0.05 --epochs 10       the book's recipe, at 224x224; hours
  nin-train train --line \"1x28x28 nin5+2:16,16 max3/2 nin3+1:16,10 gap\"
  nin-train train --line \"3x32x32 nin5+2:32,32 max3/2 nin3+1:48,48 max3/2 nin3+1:32,2 gap\" --data photos
  nin-train train --resume runs/fashion/checkpoint         go on after Ctrl-C
  nin-train train --from fashion.nin --lr 0.005 --data x   go on with other images
  nin-train train --from fashion.nin --line \"1x28x28 nin5+2:32,32,32 max3/2 nin3+1:48,48,48 max3/2 nin3+1:64,64,64 gap fc2\" --data x
                                                           other classes: its first layers, and a new head
  nin-train train --from runs/fashion/checkpoint --qat     learn to be 8-bit integers
  nin-train train --preset fashion-tiny --teacher runs/fashion/checkpoint

Ctrl-C stops after the current step and writes a checkpoint; a resumed run comes to the same bytes as one that was
never stopped. The same seed gives the same network, whatever the number of threads.")]
pub struct TrainArgs {
    /// Architecture by name; `nin-train plan` lists the names [default: fashion]
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,

    /// Architecture as a line
    #[arg(long, value_name = "LINE", conflicts_with = "preset")]
    line: Option<String>,

    /// Passes over the training images [default: 5; 3 with --qat]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    epochs: Option<u32>,

    /// Images in a step [default: 128]
    #[arg(long, value_name = "N")]
    batch: Option<usize>,

    /// Learning rate: the schedule's highest [default: 0.003 for adamw; for sgd 0.01, 0.1 with --batch-norm, 0.05 for
    /// the book's networks; with --qat 0.0003 for adamw, 0.001 for sgd]
    #[arg(long, value_name = "RATE")]
    lr: Option<f32>,

    /// How the learning rate runs [default: one-cycle; constant for the book's networks; cosine with --qat]
    #[arg(long, value_name = "SHAPE")]
    schedule: Option<Shape>,

    /// Epochs over which the learning rate rises from near 0 before its schedule begins; not with one-cycle, the
    /// default, which has a warm-up of its own
    #[arg(long, value_name = "EPOCHS")]
    warmup: Option<f32>,

    /// How gradients change weights [default: adamw; sgd for the book's networks and with --momentum or --nesterov]
    #[arg(long, value_name = "NAME")]
    optimizer: Option<Method>,

    /// SGD's momentum [default: 0.9; 0 for the book's networks]
    #[arg(long, value_name = "SHARE")]
    momentum: Option<f32>,

    /// Whether the momentum is Nesterov's [default: true; false for the book's networks]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    nesterov: Option<bool>,

    /// Weight decay [default: 0.01 for adamw, 0.0005 for sgd, 0 for the book's networks]
    #[arg(long, value_name = "DECAY")]
    weight_decay: Option<f32>,

    /// How weights start [default: he; xavier-book for the book's networks]
    #[arg(long, value_name = "NAME")]
    init: Option<Initial>,

    /// Label smoothing: this share of each label is spread over all classes
    #[arg(long, visible_alias = "label-smoothing", value_name = "SHARE")]
    smoothing: Option<f32>,

    /// Mirror each image left to right with a probability of one half
    #[arg(long)]
    flip: bool,

    /// Shift images by up to this many pixels each way
    #[arg(long, value_name = "PIXELS")]
    crop: Option<u8>,

    /// Turn images by up to this many degrees each way
    #[arg(long, value_name = "DEGREES", value_parser = clap::value_parser!(u8).range(..=180))]
    rotate: Option<u8>,

    /// Blacken a random rectangle in this share of the images
    #[arg(long, visible_alias = "random-erasing", value_name = "SHARE")]
    erase: Option<f32>,

    /// Multiply the light of each image by up to 1 ± SHARE
    #[arg(long, value_name = "SHARE")]
    brightness: Option<f32>,

    /// Multiply the contrast of each image by up to 1 ± SHARE
    #[arg(long, value_name = "SHARE")]
    contrast: Option<f32>,

    /// Let each image count the more the rarer its class is, so that all classes count alike; for folders with many
    /// images of one class and few of another
    #[arg(long)]
    balanced: bool,

    /// Blend each image with another, by shares from Beta(ALPHA, ALPHA)
    #[arg(long, value_name = "ALPHA")]
    mixup: Option<f32>,

    /// Batch normalisation, over at most this many images at a time (32 if no number is given), each such group on one
    /// thread; folded into the weights that are exported
    #[arg(long, value_name = "IMAGES", num_args = 0..=1, default_missing_value = "32")]
    batch_norm: Option<usize>,

    /// Evaluate and export an exponential moving average of the weights that keeps this share of itself in each step
    /// (0.999 if no number is given)
    #[arg(long, value_name = "SHARE", num_args = 0..=1, default_missing_value = "0.999")]
    ema: Option<f32>,

    /// Quantisation-aware training: goes on with the network named by --from as the 8-bit integers that it will be, and
    /// exports those
    #[arg(long, requires = "from", conflicts_with = "batch_norm")]
    qat: bool,

    /// Bits of the weights in quantisation-aware training: 8bit, 4bit, or 4bit:3,5 for the third and fifth layer with
    /// weights [default: 8bit]
    #[arg(long, value_name = "BITS", requires = "qat")]
    weights: Option<Weights>,

    /// Distillation: learn also from a trained network (a model, checkpoint or safetensors file) that reads the same
    /// images and was trained with the same --input; given several times, from the mean of their logits
    #[arg(long, value_name = "NETWORK")]
    teacher: Vec<PathBuf>,

    /// The teacher's share of the loss; the labels have the rest [default: 0.9]
    #[arg(long, value_name = "SHARE", requires = "teacher")]
    teacher_share: Option<f32>,

    /// Temperature of both softmaxes in the teacher's part of the loss [default: 4]
    #[arg(long, value_name = "T", requires = "teacher")]
    temperature: Option<f32>,

    /// Split this share off the training images, of each class alike; measure each epoch on it instead of on the test images, and export the
    /// network of the best epoch
    #[arg(long, value_name = "SHARE")]
    validation: Option<f32>,

    /// Stop when so many epochs in a row were not better on the validation images
    #[arg(long, value_name = "EPOCHS", requires = "validation")]
    patience: Option<u32>,

    /// What the network sees of a byte [default: unit]
    #[arg(long, value_name = "NAME")]
    input: Option<Input>,

    /// Seed of all random numbers [default: 1]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Threads; 0 is one for each processor
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub threads: usize,

    /// Which images
    #[command(flatten)]
    pub images: ImageArgs,

    /// Folder for checkpoint, model and metrics [default: runs/NAME, or NAME-2 and so on if there is such a folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Write the checkpoint not only after each epoch, but every so many minutes; 0 is after each step
    #[arg(long, value_name = "MINUTES", default_value_t = 5)]
    pub checkpoint_every: u32,

    /// Go on with a run: its checkpoint or folder. It keeps its recipe; only --epochs may change
    #[arg(long, value_name = "CHECKPOINT")]
    resume: Option<PathBuf>,

    /// Start with the weights of a network: a model, checkpoint or safetensors file. With --line or --preset another
    /// network starts with its first layers, as many as are alike, to learn other classes with what it has learnt to see
    #[arg(long, value_name = "NETWORK", conflicts_with_all = ["resume", "input"])]
    from: Option<PathBuf>,

    /// Write metrics to this file, one JSON object a line [default: metrics.jsonl in the run's folder]
    #[arg(long, value_name = "FILE")]
    pub metrics: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shape {
    /// Always the same
    Constant,
    /// Down to 0 along half a cosine
    Cosine,
    /// Up for 30 % of the steps, then down to almost 0
    OneCycle,
    /// A tenth after each third of the epochs
    Step,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Method {
    /// Stochastic gradient descent
    Sgd,
    /// Adam with weight decay apart from the gradient
    Adamw,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Initial {
    /// Xavier-uniform weights, biases 0
    Xavier,
    /// Xavier-uniform weights, PyTorch's default biases
    XavierBook,
    /// He-uniform weights, biases 0
    He,
    /// The smaller weights that PyTorch's layers begin with, biases 0
    Pytorch,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Input {
    /// 0 to 1; best for 8 bits too, whose padding is black
    Unit,
    /// Mean 0 and standard deviation 1 over the training images
    Standard,
}

/// A run that begins.
pub struct Fresh {
    architecture: Architecture,
    recipe: Recipe,
    input: Input,
    /// The network whose weights it begins with.
    from: Option<Trained>,
    /// The networks that it learns from, and their files.
    teachers: Vec<(PathBuf, Trained)>,
}

impl TrainArgs {
    /// Where the run begins; reads the checkpoint or network named.
    pub(super) fn start(&self, console: &Console) -> Outcome<Start> {
        if let Some(path) = &self.resume {
            return self.resumed(path.clone());
        }
        let from = match &self.from {
            Some(path) => Some((path, networks::load(path)?.trained()?)),
            None => None,
        };
        let teacher = |path: &PathBuf| Ok((path.clone(), networks::load(path)?.trained()?));
        let teachers = self.teacher.iter().map(teacher).collect::<Outcome<_>>()?;
        let architecture = match (self.line.as_ref().or(self.preset.as_ref()), &from) {
            (Some(named), _) => Architecture::parse(named)?,
            (None, Some((_, from))) => Architecture::of(from.spec),
            (None, None) => Architecture::parse("fashion")?,
        };
        if from.is_some() && self.batch_norm.is_some() {
            return Err(
                "--batch-norm begins with a network of its own; leave it out to go on with --from, whose weights \
                        hold their normalisation already"
                    .into(),
            );
        }
        let book = BOOK.contains(&architecture.name.as_str()) && !self.qat;
        let mut recipe = self.recipe(book);
        match recipe.optimizer {
            Optimizer::AdamW { .. } if self.momentum.is_some() => {
                return Err("--momentum is of --optimizer sgd; adamw has its own".into());
            }
            Optimizer::AdamW { .. } if self.nesterov.is_some() => {
                return Err("--nesterov is of --optimizer sgd; adamw has a momentum of its own".into());
            }
            Optimizer::Sgd { momentum: 0.0, nesterov: true, .. } => {
                return Err("--nesterov corrects a momentum, and there is none: give one with --momentum 0.9".into());
            }
            _ => {}
        }
        recipe.check()?;
        recipe.from = self.from.as_ref().map(|path| path.display().to_string());
        let from = match from {
            Some((path, from)) if from.spec != architecture.spec => {
                Some(self.transferred(path, &from, &architecture, &recipe, console)?)
            }
            Some(_) if self.init.is_some() => {
                return Err(
                    "--init is for new weights, and with --from there are none; --line or --preset names another \
                            network, which begins with the first layers"
                        .into(),
                );
            }
            from => from.map(|(_, from)| from),
        };
        let input = self.input.unwrap_or(Input::Unit);
        Ok(Start::Fresh(Box::new(Fresh { recipe, architecture, input, from, teachers })))
    }

    /// A new network that begins with the first layers of another.
    fn transferred(
        &self,
        path: &Path,
        from: &Trained,
        architecture: &Architecture,
        recipe: &Recipe,
        console: &Console,
    ) -> Outcome<Trained> {
        if self.qat {
            return Err(
                "quantisation-aware training goes on with a network as it is: train the new one first, then name \
                        it with --from"
                    .into(),
            );
        }
        let plan = architecture.plan();
        let mut parameters = initial(&plan, recipe.init, recipe.seed);
        let (taken, all) = (transfer((&from.plan(), &from.parameters), (&plan, &mut parameters)), tensors(&plan).len());
        let path = path.display();
        if taken == 0 {
            return Err(format!(
                "{path}: its first layer is not that of the line, so there is nothing to begin with; lines that begin \
                 alike share layers (its own is {})",
                from.spec
            )
            .into());
        }
        console.say(format_args!("Begins with the first {taken} of {all} layers with weights from {path}."));
        let preprocessing = from.preprocessing.clone();
        Ok(Trained { spec: architecture.spec, parameters, preprocessing, class_names: Vec::new() })
    }

    fn resumed(&self, path: PathBuf) -> Outcome<Start> {
        let kept = [
            ("--preset", self.preset.is_some()),
            ("--line", self.line.is_some()),
            ("--batch", self.batch.is_some()),
            ("--lr", self.lr.is_some()),
            ("--schedule", self.schedule.is_some()),
            ("--warmup", self.warmup.is_some()),
            ("--optimizer", self.optimizer.is_some()),
            ("--momentum", self.momentum.is_some()),
            ("--nesterov", self.nesterov.is_some()),
            ("--weight-decay", self.weight_decay.is_some()),
            ("--init", self.init.is_some()),
            ("--smoothing", self.smoothing.is_some()),
            ("--flip", self.flip),
            ("--crop", self.crop.is_some()),
            ("--rotate", self.rotate.is_some()),
            ("--erase", self.erase.is_some()),
            ("--brightness", self.brightness.is_some()),
            ("--contrast", self.contrast.is_some()),
            ("--balanced", self.balanced),
            ("--mixup", self.mixup.is_some()),
            ("--batch-norm", self.batch_norm.is_some()),
            ("--ema", self.ema.is_some()),
            ("--qat", self.qat),
            ("--teacher", !self.teacher.is_empty()),
            ("--validation", self.validation.is_some()),
            ("--patience", self.patience.is_some()),
            ("--input", self.input.is_some()),
            ("--seed", self.seed.is_some()),
        ];
        if let Some((flag, _)) = kept.iter().find(|(_, given)| *given) {
            return Err(format!("a resumed run keeps its recipe, so {flag} cannot change; only --epochs can").into());
        }
        let path = if path.is_dir() { path.join(super::folder::CHECKPOINT) } else { path };
        let mut checkpoint = Checkpoint::load(&path)?;
        if let Some(epochs) = self.epochs {
            if let Schedule::Step { epochs: third, .. } = &mut checkpoint.recipe.schedule {
                *third = epochs.div_ceil(3);
            }
            checkpoint.recipe.epochs = epochs;
        }
        Ok(Start::Resume(Box::new(checkpoint)))
    }

    fn recipe(&self, book: bool) -> Recipe {
        let mut recipe = if book { Recipe::book(0.05) } else { Recipe::default() };
        recipe.optimizer = self.optimizer(book);
        recipe.epochs = self.epochs.unwrap_or(if self.qat { QAT.0 } else { EPOCHS });
        recipe.quantize = self.qat.then(|| self.weights.clone().unwrap_or_default());
        recipe.distill = (!self.teacher.is_empty()).then(|| Distill {
            share: self.teacher_share.unwrap_or(Distill::default().share),
            temperature: self.temperature.unwrap_or(Distill::default().temperature),
        });
        recipe.seed = self.seed.unwrap_or(recipe.seed);
        recipe.batch = self.batch.unwrap_or(recipe.batch);
        recipe.batch_norm = self.batch_norm;
        recipe.lr = self.lr.unwrap_or(match recipe.optimizer {
            Optimizer::Sgd { .. } if book => 0.05,
            Optimizer::AdamW { .. } if self.qat => QAT.1,
            Optimizer::Sgd { .. } if self.qat => QAT.2,
            Optimizer::AdamW { .. } => 0.003,
            // Momentum multiplies steps; higher rates kill the ReLUs of a head like nin3+1:10,10,10 gap.
            Optimizer::Sgd { .. } if recipe.batch_norm.is_none() => 0.01,
            Optimizer::Sgd { .. } => 0.1,
        });
        recipe.warmup = self.warmup.unwrap_or(recipe.warmup);
        recipe.smoothing = self.smoothing.unwrap_or(recipe.smoothing);
        recipe.augment = Augment {
            flip: self.flip,
            crop: self.crop.unwrap_or(0),
            rotate: self.rotate.unwrap_or(0),
            erase: self.erase.unwrap_or(0.0),
            brightness: self.brightness.unwrap_or(0.0),
            contrast: self.contrast.unwrap_or(0.0),
        };
        recipe.balanced = self.balanced;
        recipe.mixup = self.mixup.unwrap_or(0.0);
        recipe.ema = self.ema.unwrap_or(0.0);
        recipe.validation = self.validation.unwrap_or(0.0);
        recipe.patience = self.patience.unwrap_or(0);
        recipe.schedule = match self.schedule {
            None if self.qat => Schedule::Cosine,
            None => recipe.schedule,
            Some(Shape::Constant) => Schedule::Constant,
            Some(Shape::Cosine) => Schedule::Cosine,
            Some(Shape::OneCycle) => Schedule::OneCycle { rise: 0.3 },
            Some(Shape::Step) => Schedule::Step { epochs: recipe.epochs.div_ceil(3), factor: 0.1 },
        };
        recipe.init = match self.init {
            None => recipe.init,
            Some(Initial::Xavier) => Init::Xavier,
            Some(Initial::XavierBook) => Init::XavierBook,
            Some(Initial::He) => Init::He,
            Some(Initial::Pytorch) => Init::Pytorch,
        };
        recipe
    }

    /// AdamW, but SGD for the book's networks and for who speaks of its momentum.
    fn optimizer(&self, book: bool) -> Optimizer {
        let adam = match self.optimizer {
            Some(method) => matches!(method, Method::Adamw),
            None => !book && self.momentum.is_none() && self.nesterov.is_none(),
        };
        if adam {
            let decay = self.weight_decay.unwrap_or(0.01);
            return Optimizer::AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decay };
        }
        let (momentum, decay) = if book { (0.0, 0.0) } else { (0.9, 5e-4) };
        let momentum = self.momentum.unwrap_or(momentum);
        let nesterov = self.nesterov.unwrap_or(!book && momentum > 0.0);
        Optimizer::Sgd { momentum, decay: self.weight_decay.unwrap_or(decay), nesterov }
    }

    /// The folder of the run that goes on, if one does.
    pub(super) fn resumed_folder(&self) -> Option<PathBuf> {
        let path = self.resume.as_ref()?;
        if path.is_dir() {
            return Some(path.clone());
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        Some(folder.unwrap_or(Path::new(".")).to_owned())
    }

    /// The folder for the run's files, which holds no other run.
    pub(super) fn folder(&self, plan: &Plan) -> Outcome<RunFolder> {
        match (&self.out, self.resumed_folder(), &self.resume) {
            (Some(out), Some(resumed), _) if !is_same(out, &resumed) => RunFolder::empty(out),
            (Some(out), None, _) => RunFolder::empty(out),
            (_, Some(resumed), Some(named)) => {
                // What is there already would be overwritten by the run that goes on.
                let there = resumed.join(super::folder::CHECKPOINT);
                if !named.is_dir() && there.exists() && !is_same(named, &there) {
                    let (named, there) = (named.display(), there.display());
                    return Err(
                        format!("to go on with {named} beside {there}, name a folder of its own with --out").into()
                    );
                }
                RunFolder::new(resumed)
            }
            _ => RunFolder::numbered(Path::new("runs"), &Architecture::of(*plan.spec()).name),
        }
    }
}

/// Whether two paths lead to the same file or folder, which is there.
fn is_same(a: &Path, b: &Path) -> bool {
    a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b))
}

impl Start {
    /// The network's shapes and sizes.
    pub(super) fn plan(&self) -> Outcome<Plan> {
        match self {
            Start::Fresh(fresh) => Ok(fresh.architecture.plan()),
            Start::Resume(checkpoint) => Ok(Plan::new(Spec::parse(&checkpoint.line)?)),
        }
    }

    /// Its share of validation images, and the seed that chooses them.
    pub(super) fn recipe(&self) -> &Recipe {
        match self {
            Start::Fresh(fresh) => &fresh.recipe,
            Start::Resume(checkpoint) => &checkpoint.recipe,
        }
    }

    /// The state of the run before its next step; `train` are the images that are left to train with, `fingerprint` is
    /// that of all that were given for it.
    pub(super) fn checkpoint(self, train: &Dataset, fingerprint: String) -> Outcome<Checkpoint> {
        let names = train.class_names();
        match self {
            Start::Resume(checkpoint) if checkpoint.class_names != names => Err(format!(
                "the run was begun with other classes ({}) than these images have ({}); name its images with --dataset \
                 or --data",
                checkpoint.class_names.join(", "),
                names.join(", ")
            )
            .into()),
            Start::Resume(checkpoint) if checkpoint.images.as_ref().is_some_and(|images| *images != fingerprint) => Err(
                "the run was begun with other training images than these; name its images with --dataset, --data and \
                 --test-fraction"
                    .into(),
            ),
            Start::Resume(checkpoint) => Ok(*checkpoint),
            Start::Fresh(fresh) => {
                let Fresh { architecture, recipe, input, mut from, teachers } = *fresh;
                let plan = architecture.plan();
                if names.len() == plan.classes() {
                    export::check_names(names)?;
                }
                if let (Some(weights), Some(trained)) = (&recipe.quantize, &from) {
                    images::check_names(trained.class_names.iter().map(String::as_str), names)?;
                    let sample = quantize::sample(train, plan.spec().input(), CALIBRATION)?;
                    from = Some(aware::begin(trained, &sample, weights)?);
                }
                let preprocessing = match (&from, input) {
                    (Some(from), _) => from.preprocessing.clone(),
                    (None, Input::Standard) => Preprocessing::standard(train),
                    (None, Input::Unit) => Preprocessing::unit(usize::from(plan.spec().input().channels)),
                };
                let parameters = match from {
                    Some(from) => from.parameters,
                    None => initial(&plan, recipe.init, recipe.seed),
                };
                if !parameters.iter().all(|value| value.is_finite()) {
                    return Err("the network named by --from has weights that are infinite or no numbers".into());
                }
                let teacher = |(path, trained): &(PathBuf, Trained)| {
                    let teacher = Teacher::new(trained, &plan, &preprocessing, names);
                    teacher.map_err(|problem| format!("{}: {problem}", path.display()))
                };
                let teachers = teachers.iter().map(teacher).collect::<Result<_, _>>()?;
                let begun = Checkpoint::begin(plan.spec(), recipe, preprocessing, names.to_vec(), parameters);
                Ok(Checkpoint { teachers, images: Some(fingerprint), ..begun })
            }
        }
    }
}
