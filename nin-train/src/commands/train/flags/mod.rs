//! The flags of `train`, and the recipe that they make.

mod start;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use nin_train::Recipe;
use nin_train::data::Augment;
use nin_train::engine::distill::Distill;
use nin_train::integers::WeightBits;
use nin_train::network::parameters::Init;
use nin_train::training::optim::Optimizer;
use nin_train::training::schedule::Schedule;

use super::super::images::ImageArgs;

/// Epochs of quantisation-aware training: a network that is trained already has only its rounding to learn.
const QAT_EPOCHS: u32 = 3;

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

    /// Passes over the training images [default: by their number, for example 30 for 6,000 images and 9 for 60,000; 10 for
    /// the book's networks; 3 with --qat]
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
    weights: Option<WeightBits>,

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

    /// Split this share off the training images, of each class alike; measure each epoch on it instead of on the test
    /// images, and export the network of the best epoch. An .npz file that has validation images gives those instead
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

impl TrainArgs {
    /// How to train, as the flags say; `book` is whether the network is one of the book's.
    fn recipe(&self, book: bool) -> Recipe {
        let mut recipe = if book { Recipe::book(0.05) } else { Recipe::default() };
        recipe.optimizer = self.optimizer(book);
        recipe.epochs = self.epochs.unwrap_or(if self.qat { QAT_EPOCHS } else { recipe.epochs });
        recipe.quantize = self.qat.then(|| self.weights.clone().unwrap_or_default());
        recipe.distill = (!self.teacher.is_empty()).then(|| Distill {
            share: self.teacher_share.unwrap_or(Distill::default().share),
            temperature: self.temperature.unwrap_or(Distill::default().temperature),
        });
        recipe.seed = self.seed.unwrap_or(recipe.seed);
        recipe.batch = self.batch.unwrap_or(recipe.batch);
        recipe.batch_norm = self.batch_norm;
        recipe.lr = self.lr.unwrap_or(match recipe.optimizer {
            Optimizer::Sgd { .. } if book => recipe.lr,
            _ => recipe.usual_rate(),
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
}
