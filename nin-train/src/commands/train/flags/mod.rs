//! The flags of `train`, and the recipe that they define.

mod fit;
mod start;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use nin_core::Shape;
use nin_train::Recipe;
use nin_train::data::Augment;
use nin_train::engine::distill::Distill;
use nin_train::integers::WeightBits;
use nin_train::network::parameters::Init;
use nin_train::training::optim::Optimizer;
use nin_train::training::schedule::Schedule;

use super::super::budget::BudgetArgs;
use super::super::images::ImageArgs;
use super::super::rejection::RejectionArgs;
use super::super::size;

/// Default epochs of quantisation-aware training. The network is already trained and only adapts to the rounding.
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
  nin-train train --data photos                            your own images, one folder per class
  nin-train train --resume runs/fashion/checkpoint         continue after Ctrl-C
  nin-train train --from fashion.nin --lr 0.005 --data x   fine-tune on other images
  nin-train train --from fashion.nin --line \"1x28x28 nin5+2:32,32,32 max3/2 nin3+1:48,48,48 max3/2 nin3+1:64,64,64 gap fc2\" --data x
                                                           other classes: keep the first layers, with a new head
  nin-train train --from runs/fashion/checkpoint --qat     quantisation-aware training
  nin-train train --preset fashion-tiny --teacher runs/fashion/checkpoint

Ctrl-C stops after the current step and writes a checkpoint. A resumed run produces the same bytes as an
uninterrupted one. The same seed gives the same network with any number of threads.")]
pub struct TrainArgs {
    /// Architecture preset; `nin-train plan` lists the names [default: fashion; for your own images a network that fits
    /// them]
    #[arg(long, value_name = "NAME", help_heading = "Network")]
    preset: Option<String>,

    /// Architecture line, for example "1x28x28 nin5+2:16,16 max3/2 nin3+1:16,10 gap"
    #[arg(long, value_name = "LINE", conflicts_with = "preset", help_heading = "Network")]
    line: Option<String>,

    /// Input shape of the network that is chosen for your own images, channels x rows x columns [default: that of the
    /// images, up to 64 pixels a side]
    #[arg(
        long,
        value_name = "CxHxW",
        value_parser = size::shape,
        conflicts_with_all = ["preset", "line", "resume"],
        help_heading = "Network"
    )]
    shape: Option<Shape>,

    /// The board or memory that the network must fit.
    #[command(flatten)]
    budget: BudgetArgs,

    /// Passes over the training images [default: depends on their number, for example 60 for 600 images, 30 for 6,000
    /// and 9 for 60,000; 10 for the book's networks; 3 with --qat]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Recipe")]
    epochs: Option<u32>,

    /// Images per step [default: 128; for your own images 32 up to 2,000, 64 up to 8,000]
    #[arg(long, value_name = "N", help_heading = "Recipe")]
    batch: Option<usize>,

    /// Learning rate, the peak of the schedule [default: 0.003 for adamw; for sgd 0.01, 0.1 with --batch-norm, 0.05 for
    /// the book's networks and for your own images; with --qat 0.0003 for adamw, 0.001 for sgd]
    #[arg(long, value_name = "RATE", help_heading = "Recipe")]
    lr: Option<f32>,

    /// Learning rate schedule [default: one-cycle; constant for the book's networks; cosine with --qat]
    #[arg(long, value_name = "SHAPE", help_heading = "Recipe")]
    schedule: Option<Curve>,

    /// Epochs over which the learning rate rises from near 0 before the schedule begins; not with one-cycle (the
    /// default), which has its own warm-up
    #[arg(long, value_name = "EPOCHS", help_heading = "Recipe")]
    warmup: Option<f32>,

    /// Optimizer [default: adamw; sgd for the book's networks, for your own images and with --momentum or --nesterov]
    #[arg(long, value_name = "NAME", help_heading = "Recipe")]
    optimizer: Option<Method>,

    /// Momentum of SGD [default: 0.9; 0 for the book's networks]
    #[arg(long, value_name = "SHARE", help_heading = "Recipe")]
    momentum: Option<f32>,

    /// Use Nesterov momentum [default: true; false for the book's networks]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", help_heading = "Recipe")]
    nesterov: Option<bool>,

    /// Weight decay [default: 0.01 for adamw, 0.0005 for sgd, 0 for the book's networks]
    #[arg(long, value_name = "DECAY", help_heading = "Recipe")]
    weight_decay: Option<f32>,

    /// Weight initialisation [default: he; xavier-book for the book's networks]
    #[arg(long, value_name = "NAME", help_heading = "Network")]
    init: Option<Initial>,

    /// Label smoothing: the share of each label that is spread over all classes
    #[arg(long, visible_alias = "label-smoothing", value_name = "SHARE", help_heading = "Recipe")]
    smoothing: Option<f32>,

    /// Mirror each image horizontally with probability 0.5
    #[arg(long, help_heading = "Augmentation")]
    flip: bool,

    /// Shift images randomly by up to this many pixels in each direction [default: 0; for your own images a sixteenth of
    /// their side]
    #[arg(long, value_name = "PIXELS", help_heading = "Augmentation")]
    crop: Option<u8>,

    /// Rotate images randomly by up to this many degrees in each direction
    #[arg(
        long,
        value_name = "DEGREES",
        value_parser = clap::value_parser!(u8).range(..=180),
        help_heading = "Augmentation"
    )]
    rotate: Option<u8>,

    /// Blacken a random rectangle in this share of the images
    #[arg(long, visible_alias = "random-erasing", value_name = "SHARE", help_heading = "Augmentation")]
    erase: Option<f32>,

    /// Multiply the brightness of each image by a random factor within 1 ± SHARE
    #[arg(long, value_name = "SHARE", help_heading = "Augmentation")]
    brightness: Option<f32>,

    /// Multiply the contrast of each image by a random factor within 1 ± SHARE
    #[arg(long, value_name = "SHARE", help_heading = "Augmentation")]
    contrast: Option<f32>,

    /// Weight images of rare classes more in the loss, so that all classes count equally; for data sets with many
    /// images of one class and few of another [default: false; for your own images true if the largest class has 1.5
    /// times as many images as the smallest]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", help_heading = "Recipe")]
    balanced: Option<bool>,

    /// Mixup: blend each image with another; the mixing ratio is drawn from Beta(ALPHA, ALPHA)
    #[arg(long, value_name = "ALPHA", help_heading = "Recipe")]
    mixup: Option<f32>,

    /// Batch normalisation over groups of at most this many images (32 without a number, 0 for none), each group on one
    /// thread; it is folded into the exported weights [default: 0; 32 for your own images]
    #[arg(long, value_name = "IMAGES", num_args = 0..=1, default_missing_value = "32", help_heading = "Recipe")]
    batch_norm: Option<usize>,

    /// Evaluate and export an exponential moving average of the weights with this decay per step (0.999 without a
    /// number)
    #[arg(long, value_name = "SHARE", num_args = 0..=1, default_missing_value = "0.999", help_heading = "Recipe")]
    ema: Option<f32>,

    /// Quantisation-aware training: fine-tune the network of --from with rounding to 8-bit integers, and export the
    /// integers
    #[arg(long, requires = "from", conflicts_with = "batch_norm", help_heading = "Trained networks")]
    qat: bool,

    /// Bits of the weights in quantisation-aware training: 8bit, 4bit, or 4bit:3,5 for the third and fifth layer with
    /// weights [default: 8bit]
    #[arg(long, value_name = "BITS", requires = "qat", help_heading = "Trained networks")]
    weights: Option<WeightBits>,

    /// Distillation: also learn from a trained network (a model, checkpoint or safetensors file) with the same input
    /// shape and the same --input; if repeated, the teachers' logits are averaged
    #[arg(long, value_name = "NETWORK", help_heading = "Trained networks")]
    teacher: Vec<PathBuf>,

    /// Weight of the teacher's part in the loss; the labels' part has the rest [default: 0.9]
    #[arg(long, value_name = "SHARE", requires = "teacher", help_heading = "Trained networks")]
    teacher_share: Option<f32>,

    /// Temperature of both softmaxes in the teacher's part of the loss [default: 4]
    #[arg(long, value_name = "T", requires = "teacher", help_heading = "Trained networks")]
    temperature: Option<f32>,

    /// Hold out this share of the training images of each class for validation; evaluate each epoch on it instead of on
    /// the test images, and export the network of the best epoch. If the data set has validation images, those are used
    /// instead [default: 0; for your own images 0.15, or 0.1 from 10,000, if every class has enough]
    #[arg(long, value_name = "SHARE", help_heading = "Validation")]
    validation: Option<f32>,

    /// Stop after this many epochs in a row without improvement on the validation images; 0 never stops [default: 0; for
    /// your own images a third of the epochs, at least 10]
    #[arg(long, value_name = "EPOCHS", help_heading = "Validation")]
    patience: Option<u32>,

    /// How the pixels' bytes are scaled for the network [default: unit]
    #[arg(long, value_name = "NAME", help_heading = "Network")]
    input: Option<Input>,

    /// Seed of all random numbers [default: 1]
    #[arg(long, value_name = "N", help_heading = "Recipe")]
    seed: Option<u64>,

    /// Threads; 0 uses one per processor
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub threads: usize,

    /// The images.
    #[command(flatten)]
    pub images: ImageArgs,

    #[command(flatten)]
    pub rejection: RejectionArgs,

    /// Folder for checkpoint, model and metrics [default: runs/NAME, or runs/NAME-2 and so on if it
    /// exists]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    out: Option<PathBuf>,

    /// Write the checkpoint after each epoch and also at this interval; 0 is after each step
    #[arg(long, value_name = "MINUTES", default_value_t = 5, help_heading = "Output")]
    pub checkpoint_every: u32,

    /// Continue a run, named by its checkpoint or folder. The recipe stays the same; only --epochs may change
    #[arg(long, value_name = "CHECKPOINT", help_heading = "Trained networks")]
    resume: Option<PathBuf>,

    /// Start with the weights of a trained network (a model, checkpoint or safetensors file). With --line or --preset a
    /// new network takes over the leading layers that both have in common (transfer learning)
    #[arg(long, value_name = "NETWORK", conflicts_with_all = ["resume", "input"], help_heading = "Trained networks")]
    from: Option<PathBuf>,

    /// Write metrics to this file, one JSON object per line [default: metrics.jsonl in the run's folder]
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub metrics: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Curve {
    /// Constant rate
    Constant,
    /// Falls to 0 along half a cosine
    Cosine,
    /// Rises for 30 % of the steps, then falls to almost 0
    OneCycle,
    /// Falls to a tenth after each third of the epochs
    Step,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Method {
    /// Stochastic gradient descent
    Sgd,
    /// Adam with decoupled weight decay
    Adamw,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Initial {
    /// Xavier-uniform weights, biases 0
    Xavier,
    /// Xavier-uniform weights, PyTorch's default biases
    XavierBook,
    /// He-uniform weights, biases 0 (1 for logits with a ReLU)
    He,
    /// PyTorch's default weights, smaller than He's; biases 0 (1 for logits with a ReLU)
    Pytorch,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Input {
    /// From 0 to 1; best for 8 bits too, because padding is then black
    Unit,
    /// Standardised: mean 0 and standard deviation 1 over the training images
    Standard,
}

impl TrainArgs {
    /// Returns the board to write firmware for.
    pub fn firmware_board(&self) -> &'static str {
        self.budget.firmware_board()
    }

    /// Returns the recipe that the flags define. `book`: the network is one of the book's. `fitting`: the recipe that fits
    /// the images, from which the flags differ.
    fn recipe(&self, book: bool, fitting: Option<Recipe>) -> Recipe {
        let fits = fitting.is_some();
        let mut recipe = match fitting {
            // The optimiser and rate of the fitting recipe are for batch normalisation.
            Some(fitting) if self.batch_norm == Some(0) => {
                Recipe { optimizer: Recipe::default().optimizer, lr: Recipe::default().lr, batch_norm: None, ..fitting }
            }
            Some(fitting) => fitting,
            None if book => Recipe::book(0.05),
            None => Recipe::default(),
        };
        let usual = recipe.clone();
        recipe.optimizer = self.optimizer(book, recipe.optimizer);
        if self.epochs.is_some() || self.qat {
            recipe.set_epochs(self.epochs.unwrap_or(QAT_EPOCHS));
        }
        recipe.quantize = self.qat.then(|| self.weights.clone().unwrap_or_default());
        recipe.distill = (!self.teacher.is_empty()).then(|| Distill {
            share: self.teacher_share.unwrap_or(Distill::default().share),
            temperature: self.temperature.unwrap_or(Distill::default().temperature),
        });
        recipe.seed = self.seed.unwrap_or(recipe.seed);
        recipe.batch = self.batch.unwrap_or(recipe.batch);
        recipe.batch_norm =
            self.batch_norm.map_or(recipe.batch_norm, |images| Some(images).filter(|images| *images > 0));
        let same =
            recipe.batch_norm == usual.batch_norm && recipe.optimizer.is_adaptive() == usual.optimizer.is_adaptive();
        recipe.lr = self.lr.unwrap_or(match recipe.optimizer {
            Optimizer::Sgd { .. } if book => recipe.lr,
            _ if fits && same => recipe.lr,
            _ => recipe.usual_rate(),
        });
        recipe.warmup = self.warmup.unwrap_or(recipe.warmup);
        recipe.smoothing = self.smoothing.unwrap_or(recipe.smoothing);
        recipe.augment = Augment {
            flip: self.flip || usual.augment.flip,
            crop: self.crop.unwrap_or(usual.augment.crop),
            rotate: self.rotate.unwrap_or(usual.augment.rotate),
            erase: self.erase.unwrap_or(usual.augment.erase),
            brightness: self.brightness.unwrap_or(usual.augment.brightness),
            contrast: self.contrast.unwrap_or(usual.augment.contrast),
        };
        recipe.balanced = self.balanced.unwrap_or(usual.balanced);
        recipe.mixup = self.mixup.unwrap_or(usual.mixup);
        recipe.ema = self.ema.unwrap_or(usual.ema);
        recipe.validation = self.validation.unwrap_or(usual.validation);
        recipe.patience = self.patience.unwrap_or(if fits { recipe.usual_patience() } else { 0 });
        recipe.schedule = match self.schedule {
            None if self.qat => Schedule::Cosine,
            None => recipe.schedule,
            Some(Curve::Constant) => Schedule::Constant,
            Some(Curve::Cosine) => Schedule::Cosine,
            Some(Curve::OneCycle) => Schedule::OneCycle { rise: 0.3 },
            Some(Curve::Step) => Schedule::Step { epochs: recipe.epochs.div_ceil(3), factor: 0.1 },
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

    /// Returns the optimiser that the flags define: by default the `usual` one, but SGD with --momentum or --nesterov.
    fn optimizer(&self, book: bool, usual: Optimizer) -> Optimizer {
        let adam = match self.optimizer {
            Some(method) => matches!(method, Method::Adamw),
            None => usual.is_adaptive() && self.momentum.is_none() && self.nesterov.is_none(),
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
