//! The start of a run: reads and checks the networks and images that the flags name.

use std::path::{Path, PathBuf};

use nin_core::{Plan, Shape};
use nin_train::Recipe;
use nin_train::data::{Dataset, DatasetKind, DatasetRecord};
use nin_train::engine::distill::Teacher;
use nin_train::formats::model_file;
use nin_train::network::architecture::Architecture;
use nin_train::network::parameters::{initial, tensors, transfer};
use nin_train::network::preprocessing::Preprocessing;
use nin_train::network::trained::Trained;
use nin_train::quantize;
use nin_train::quantize::aware::{self, Begun};
use nin_train::support::files::FileError;
use nin_train::support::text::counted;
use nin_train::training::checkpoint::Checkpoint;
use nin_train::training::footprint;
use nin_train::training::optim::Optimizer;
use nin_train::training::recipe::Origin;

use super::super::super::known::{Found, Known, Others};
use super::super::super::run_folder::{CHECKPOINT, RunFolder};
use super::super::{Console, Outcome, images, networks};
use super::{Input, TrainArgs, fit};

/// The book's networks. The book trains them by plain SGD at a constant rate.
const BOOK: [&str; 4] = ["d2l", "lenet", "alexnet", "vgg-11"];
/// The number of training images on which quantisation-aware training finds its first ranges.
const CALIBRATION: usize = 1000;

/// The start of a run.
pub enum Start {
    /// A new run, with new weights or those of a network.
    Fresh(Box<Fresh>),
    /// A run that continues where it was stopped.
    Resume {
        /// The run.
        checkpoint: Box<Checkpoint>,
        /// Its images.
        known: Box<Known>,
    },
}

/// A new run.
pub struct Fresh {
    /// `None` until it is chosen by the images.
    architecture: Option<Architecture>,
    recipe: Recipe,
    /// Whether the recipe is chosen by the images.
    fits: bool,
    /// Whether the number of epochs follows from the number of images.
    usual_epochs: bool,
    input: Input,
    /// The network of `--from`.
    from: Option<Trained>,
    /// The teachers, and their files.
    teachers: Vec<(PathBuf, Trained)>,
    /// The images of the network of `--from`, or else of the first teacher.
    known: Option<Known>,
}

impl TrainArgs {
    /// Reads the checkpoint or the networks that the flags name, and returns the start of the run.
    pub fn start(&self, console: &Console) -> Outcome<Start> {
        if let Some(path) = &self.resume {
            return self.resumed(path.clone());
        }
        let mut known = None;
        let mut read = |path: &PathBuf| {
            let loaded = networks::load(path)?;
            let trained = loaded.trained()?;
            if known.is_none() {
                known = Some(loaded.known()?);
            }
            Ok::<_, FileError>(trained)
        };
        let from = match &self.from {
            Some(path) => Some((path, read(path)?)),
            None => None,
        };
        let teacher = |path: &PathBuf| Ok((path.clone(), read(path)?));
        let teachers = self.teacher.iter().map(teacher).collect::<Outcome<_>>()?;
        let kind = match &known {
            Some(known) if !self.images.are_named() => known.kind(),
            _ => Some(self.images.kind()),
        };
        let own = kind.is_some_and(images::are_own);
        let architecture = match (self.line.as_ref().or(self.preset.as_ref()), &from) {
            (Some(named), _) => Some(Architecture::parse(named)?),
            (None, Some((_, from))) => Some(Architecture::of(from.spec)),
            (None, None) if own => None,
            (None, None) => Some(Architecture::parse("fashion")?),
        };
        if architecture.is_some() && self.shape.is_some() {
            return Err(
                "--shape applies to a network that is chosen for your own images; a named network has its own".into()
            );
        }
        if from.is_some() && self.batch_norm.is_some_and(|images| images > 0) {
            return Err(
                "--batch-norm cannot be combined with --from, whose weights already contain their normalisation: leave \
                 it out"
                    .into(),
            );
        }
        if let (Some(weights), Some(named)) =
            (self.qat.then(|| self.weights.clone().unwrap_or_default()), &architecture)
        {
            weights.check(&named.plan())?;
        }
        let book = architecture.as_ref().is_some_and(|named| BOOK.contains(&named.name.as_str())) && !self.qat;
        let fits = own && from.is_none() && !book;
        let mut recipe = self.recipe(book, None);
        match recipe.optimizer {
            Optimizer::AdamW { .. } if self.momentum.is_some() => {
                return Err("--momentum requires --optimizer sgd".into());
            }
            Optimizer::AdamW { .. } if self.nesterov.is_some() => {
                return Err("--nesterov requires --optimizer sgd".into());
            }
            Optimizer::Sgd { momentum: 0.0, nesterov: true, .. } => {
                return Err("--nesterov needs a momentum above 0: add --momentum 0.9".into());
            }
            _ => {}
        }
        // A recipe that is chosen by the images has validation images, which --patience needs.
        Recipe { patience: if fits { 0 } else { recipe.patience }, ..recipe.clone() }.check()?;
        let from = match (from, &architecture) {
            (Some((path, from)), Some(architecture)) if from.spec != architecture.spec => {
                Some((path, self.transferred(path, &from, architecture, &recipe, console)?))
            }
            (Some(_), _) if self.init.is_some() => {
                return Err(
                    "--init sets new weights, but all weights come from --from: leave it out, or name a different network \
                     with --line or --preset"
                        .into(),
                );
            }
            (from, _) => from.map(|(path, from)| (path, (tensors(&from.plan()).len(), from))),
        };
        let from = from.map(|(path, (layers, from))| {
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            recipe.from = Some(Origin { file, layers, of: tensors(&from.plan()).len() });
            from
        });
        let input = self.input.unwrap_or(Input::Unit);
        let usual_epochs = self.epochs.is_none() && !self.qat && !book && !fits;
        let fresh = Fresh { recipe, fits, usual_epochs, architecture, input, from, teachers, known };
        Ok(Start::Fresh(Box::new(fresh)))
    }

    /// Returns a new network that begins with the first layers of another, and the number of these layers.
    fn transferred(
        &self,
        path: &Path,
        from: &Trained,
        architecture: &Architecture,
        recipe: &Recipe,
        console: &Console,
    ) -> Outcome<(usize, Trained)> {
        if self.qat {
            return Err(
                "quantisation-aware training cannot change the network: train the new one first, then pass it with --from"
                    .into(),
            );
        }
        let plan = architecture.plan();
        footprint::check(&plan, recipe, self.threads)?;
        let mut parameters = initial(&plan, recipe.init, recipe.seed);
        let (taken, all) = (transfer((&from.plan(), &from.parameters), (&plan, &mut parameters)), tensors(&plan).len());
        let path = path.display();
        if taken == 0 {
            return Err(format!(
                "{path}: its first layer differs from that of the line, so no layer can be copied; begin the line like \
                 its own, {}",
                from.spec
            )
            .into());
        }
        console.say(format_args!("The first {taken} of {all} layers with weights are copied from {path}."));
        let preprocessing = from.preprocessing.clone();
        Ok((taken, Trained { spec: architecture.spec, parameters, preprocessing, class_names: Vec::new() }))
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
            ("--balanced", self.balanced.is_some()),
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
        let given = kept.iter().find(|(_, given)| *given).map(|(flag, _)| *flag);
        if let Some(flag) = given.or(self.budget.given()) {
            return Err(format!("a resumed run keeps its recipe, so {flag} cannot change; only --epochs can").into());
        }
        let path = if path.is_dir() { path.join(CHECKPOINT) } else { path };
        let mut checkpoint = Checkpoint::load(&path)?;
        // The run that continues would overwrite the checkpoint that is there.
        let there = path.with_file_name(CHECKPOINT);
        let folder = self.resumed_folder().unwrap_or_default();
        if self.is_in_place(&folder) && there.exists() && !is_same(&path, &there) {
            let (path, there) = (path.display(), there.display());
            return Err(format!("{path} cannot continue beside {there}: name a new folder with --out").into());
        }
        if let Some(epochs) = self.epochs {
            if epochs < checkpoint.position.epoch {
                let done = checkpoint.position.epoch;
                let epochs = counted(done as usize, "epoch");
                return Err(format!(
                    "this run has completed {epochs}, which --epochs includes: pass a number above {done}"
                )
                .into());
            }
            checkpoint.recipe.set_epochs(epochs);
        }
        Ok(Start::Resume {
            known: Box::new(Known::of_checkpoint(&path, &checkpoint)),
            checkpoint: Box::new(checkpoint),
        })
    }

    /// Returns the folder of the run that continues, if there is one.
    pub fn resumed_folder(&self) -> Option<PathBuf> {
        let path = self.resume.as_ref()?;
        if path.is_dir() {
            return Some(path.clone());
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        Some(folder.unwrap_or(Path::new(".")).to_owned())
    }

    /// Returns the folder of a run that continues in its own folder, locked for this program.
    pub fn resumed_in_place(&self) -> Outcome<Option<RunFolder>> {
        match (&self.resume, self.resumed_folder()) {
            // If the file does not exist, reading it is the error.
            (Some(named), Some(folder)) if named.exists() && self.is_in_place(&folder) => {
                Ok(Some(RunFolder::new(folder)?))
            }
            _ => Ok(None),
        }
    }

    fn is_in_place(&self, folder: &Path) -> bool {
        self.out.as_ref().is_none_or(|out| is_same(out, folder))
    }

    /// Returns a new folder for the run's files, in which there is no run.
    pub fn new_folder(&self, plan: &Plan) -> Outcome<RunFolder> {
        match &self.out {
            Some(out) => RunFolder::empty(out),
            None => RunFolder::numbered(Path::new("runs"), &Architecture::of(*plan.spec()).name),
        }
    }
}

/// Returns whether two paths lead to the same existing file or folder.
fn is_same(a: &Path, b: &Path) -> bool {
    a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b))
}

impl Start {
    /// Returns the network's shapes and sizes; `None` if the network is not chosen yet.
    pub fn plan(&self) -> Option<Plan> {
        match self {
            Start::Fresh(fresh) => fresh.architecture.as_ref().map(Architecture::plan),
            Start::Resume { checkpoint, .. } => Some(checkpoint.plan()),
        }
    }

    /// Returns the shape in which to load the images: that of the network, if it is known.
    pub fn input(&self, args: &TrainArgs) -> Shape {
        let teacher = match self {
            Start::Fresh(fresh) => fresh.teachers.first().map(|(_, teacher)| teacher.spec.input()),
            Start::Resume { .. } => None,
        };
        let known = self.plan().map(|plan| plan.spec().input());
        known.or(args.shape).or(teacher).unwrap_or_else(|| args.budget.shape(&args.images))
    }

    /// Chooses the network and the recipe by the images, as far as no flag decides them, and prints what was chosen.
    /// Returns the network's shapes and sizes.
    pub fn fit(&mut self, args: &TrainArgs, found: &Found, console: &Console) -> Outcome<Plan> {
        let Found { splits, record, .. } = found;
        let fresh = match self {
            Start::Fresh(fresh) => fresh,
            Start::Resume { checkpoint, .. } => return Ok(checkpoint.plan()),
        };
        // Files in MNIST's format and size use the network and the recipe for Fashion-MNIST.
        let classic = record.kind == DatasetKind::Idx
            && splits.train.shape() == (Shape { channels: 1, rows: 28, columns: 28 })
            && splits.train.class_names().len() == 10;
        if classic && fresh.fits {
            fresh.fits = false;
            fresh.usual_epochs = args.epochs.is_none();
        }
        let named = fresh.architecture.is_some();
        let architecture = match fresh.architecture.take() {
            Some(named) => named,
            None if classic && args.budget.given().or(args.shape.map(|_| "--shape")).is_none() => {
                Architecture::parse("fashion")?
            }
            None => fit::network(splits, args.shape, &args.budget)?,
        };
        let plan = architecture.plan();
        if named {
            fit::warn_of_budget(&plan, splits, &args.budget, console);
        }
        if fresh.fits {
            fresh.recipe = args.recipe(false, Some(Recipe::fitting(&plan, splits)));
            fresh.recipe.check()?;
            fit::say(&fresh.recipe, (!named).then_some((&architecture, &args.budget)), splits, console);
        }
        fresh.architecture = Some(architecture);
        Ok(plan)
    }

    /// Returns an error if a new run needs more memory than is available. (A resumed run already has a part of it.)
    pub fn check_memory(&self, plan: &Plan, threads: usize) -> Outcome {
        match self {
            Start::Fresh(fresh) => Ok(footprint::check(plan, &fresh.recipe, threads)?),
            Start::Resume { .. } => Ok(()),
        }
    }

    /// Returns the recipe.
    pub fn recipe(&self) -> &Recipe {
        match self {
            Start::Fresh(fresh) => &fresh.recipe,
            Start::Resume { checkpoint, .. } => &checkpoint.recipe,
        }
    }

    /// Chooses the best epoch by the validation images of the user's data set, unless a flag decides otherwise.
    pub fn use_validation(&mut self) {
        // The share that would be split off if the data set had no validation images.
        const SHARE: f32 = 0.1;
        if let Self::Fresh(fresh) = self
            && fresh.recipe.validation == 0.0
        {
            fresh.recipe.validation = SHARE;
        }
    }

    /// Chooses the number of epochs by the number of training images, unless a flag, the recipe or [`Start::fit`] decides
    /// it.
    pub fn choose_epochs(&mut self, images: usize) {
        if let Start::Fresh(fresh) = self
            && fresh.usual_epochs
        {
            fresh.recipe.set_epochs(Recipe::usual_epochs(images));
        }
    }

    /// Loads the images: those that `args` name, or those of the network that the run begins with, or Fashion-MNIST.
    pub fn images(&self, args: &TrainArgs, console: &Console) -> Outcome<Found> {
        let input = self.input(args);
        let args = &args.images;
        Ok(match self {
            Start::Resume { known, .. } => known.load(args, input, Others::Refused, console)?,
            Start::Fresh(fresh) => match &fresh.known {
                Some(known) if fresh.recipe.quantize.is_some() => known.load(args, input, Others::Noted, console)?,
                Some(known) if !args.are_named() => known.load(args, input, Others::Refused, console)?,
                _ => {
                    let found = Found::read(args, input, console)?;
                    console.explain(format_args!("{}", found.splits.source));
                    found
                }
            },
        })
    }

    /// Returns the state of the run before its next step. `train` are the training images without those for validation,
    /// `fingerprint` is that of both together, and `dataset` is the record of all images.
    pub fn checkpoint(
        self,
        plan: &Plan,
        train: &Dataset,
        fingerprint: String,
        dataset: DatasetRecord,
    ) -> Outcome<Checkpoint> {
        let names = train.class_names();
        match self {
            // The same images may have been found in another place.
            Start::Resume { checkpoint, .. } => Ok(Checkpoint { dataset: Some(dataset), ..*checkpoint }),
            Start::Fresh(fresh) => {
                let Fresh { recipe, input, from, teachers, .. } = *fresh;
                if names.len() == plan.classes() {
                    model_file::check_names(names)?;
                }
                let (from, ranges) = match (&recipe.quantize, from) {
                    (Some(weights), Some(trained)) => {
                        let sample = quantize::sample(train, plan.spec().input(), CALIBRATION)?;
                        let Begun { network, ranges } = aware::begin(&trained, &sample, weights)?;
                        (Some(network), ranges)
                    }
                    (_, from) => (from, Vec::new()),
                };
                let preprocessing = match (&from, input) {
                    (Some(from), _) => from.preprocessing.clone(),
                    (None, Input::Standard) => Preprocessing::standard(train),
                    (None, Input::Unit) => Preprocessing::unit(usize::from(plan.spec().input().channels)),
                };
                let mut parameters = match from {
                    Some(from) => from.parameters,
                    None => initial(plan, recipe.init, recipe.seed),
                };
                parameters.extend(ranges);
                let teacher = |(path, trained): &(PathBuf, Trained)| {
                    let teacher = Teacher::new(trained, plan, &preprocessing, names);
                    teacher.map_err(|problem| format!("{}: {problem}", path.display()))
                };
                let teachers = teachers.iter().map(teacher).collect::<Result<_, _>>()?;
                let begun = Checkpoint::begin(plan.spec(), recipe, preprocessing, names.to_vec(), parameters);
                Ok(Checkpoint { teachers, images: Some(fingerprint), dataset: Some(dataset), ..begun })
            }
        }
    }
}
