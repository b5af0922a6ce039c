//! Where a run begins: what the flags name is read, checked and put together.

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

/// The book's networks, which it trains by plain SGD at a constant rate.
const BOOK: [&str; 4] = ["d2l", "lenet", "alexnet", "vgg-11"];
/// Training images that quantisation-aware training finds its first ranges on.
const CALIBRATION: usize = 1000;

/// Where a run begins.
pub enum Start {
    /// With a recipe: fresh weights, or those of a network.
    Fresh(Box<Fresh>),
    /// Where it was stopped.
    Resume {
        /// The run.
        checkpoint: Box<Checkpoint>,
        /// Its images.
        known: Box<Known>,
    },
}

/// A run that begins.
pub struct Fresh {
    /// `None` until it is chosen by the images.
    architecture: Option<Architecture>,
    recipe: Recipe,
    /// Whether the recipe is to fit the images.
    fits: bool,
    /// Whether the number of epochs follows from the number of images.
    usual_epochs: bool,
    input: Input,
    /// The network whose weights it begins with.
    from: Option<Trained>,
    /// The networks that it learns from, and their files.
    teachers: Vec<(PathBuf, Trained)>,
    /// The images of the network that it begins with, or else of its first teacher.
    known: Option<Known>,
}

impl TrainArgs {
    /// Where the run begins; reads the checkpoint or network named.
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
                "--shape is for a network that is chosen for your own images; a named network has its own".into()
            );
        }
        if from.is_some() && self.batch_norm.is_some_and(|images| images > 0) {
            return Err(
                "--batch-norm begins with a network of its own; leave it out to go on with --from, whose weights \
                        hold their normalisation already"
                    .into(),
            );
        }
        let book = architecture.as_ref().is_some_and(|named| BOOK.contains(&named.name.as_str())) && !self.qat;
        let fits = own && from.is_none() && !book;
        let mut recipe = self.recipe(book, None);
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
        // What fits own images has validation, which --patience needs.
        Recipe { patience: if fits { 0 } else { recipe.patience }, ..recipe.clone() }.check()?;
        let from = match (from, &architecture) {
            (Some((path, from)), Some(architecture)) if from.spec != architecture.spec => {
                Some((path, self.transferred(path, &from, architecture, &recipe, console)?))
            }
            (Some(_), _) if self.init.is_some() => {
                return Err(
                    "--init is for new weights, and with --from there are none; --line or --preset names another \
                            network, which begins with the first layers"
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

    /// A new network that begins with the first layers of another, and how many those are.
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
                "quantisation-aware training goes on with a network as it is: train the new one first, then name \
                        it with --from"
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
                "{path}: its first layer is not that of the line, so there is nothing to begin with; lines that begin \
                 alike share layers (its own is {})",
                from.spec
            )
            .into());
        }
        console.say(format_args!("Begins with the first {taken} of {all} layers with weights from {path}."));
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
        // What is there already would be overwritten by the run that goes on.
        let there = path.with_file_name(CHECKPOINT);
        let folder = self.resumed_folder().unwrap_or_default();
        if self.is_in_place(&folder) && there.exists() && !is_same(&path, &there) {
            let (path, there) = (path.display(), there.display());
            return Err(format!("to go on with {path} beside {there}, name a folder of its own with --out").into());
        }
        if let Some(epochs) = self.epochs {
            if epochs < checkpoint.position.epoch {
                let done = checkpoint.position.epoch;
                let epochs = counted(done as usize, "epoch");
                return Err(format!(
                    "this run has done {epochs}, and --epochs counts those, too: give it more than {done}"
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

    /// The folder of the run that goes on, if one does.
    pub fn resumed_folder(&self) -> Option<PathBuf> {
        let path = self.resume.as_ref()?;
        if path.is_dir() {
            return Some(path.clone());
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        Some(folder.unwrap_or(Path::new(".")).to_owned())
    }

    /// The folder of a run that goes on where it is. It is nobody else's from now on.
    pub fn resumed_in_place(&self) -> Outcome<Option<RunFolder>> {
        match (&self.resume, self.resumed_folder()) {
            // A file that is not there is told by who reads it.
            (Some(named), Some(folder)) if named.exists() && self.is_in_place(&folder) => {
                Ok(Some(RunFolder::new(folder)?))
            }
            _ => Ok(None),
        }
    }

    fn is_in_place(&self, folder: &Path) -> bool {
        self.out.as_ref().is_none_or(|out| is_same(out, folder))
    }

    /// Another folder for the run's files, in which there is no run.
    pub fn new_folder(&self, plan: &Plan) -> Outcome<RunFolder> {
        match &self.out {
            Some(out) => RunFolder::empty(out),
            None => RunFolder::numbered(Path::new("runs"), &Architecture::of(*plan.spec()).name),
        }
    }
}

/// Whether two paths lead to the same file or folder, which is there.
fn is_same(a: &Path, b: &Path) -> bool {
    a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b))
}

impl Start {
    /// The network's shapes and sizes; `None` if the network is still to be chosen.
    pub fn plan(&self) -> Option<Plan> {
        match self {
            Start::Fresh(fresh) => fresh.architecture.as_ref().map(Architecture::plan),
            Start::Resume { checkpoint, .. } => Some(checkpoint.plan()),
        }
    }

    /// The shape in which to load the images: that of the network, if it is known.
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
        // Files in MNIST's format and size are for the networks and the recipe that were made for those.
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

    /// An error if the run takes more memory than is left; of one that goes on, a part is taken already.
    pub fn check_memory(&self, plan: &Plan, threads: usize) -> Outcome {
        match self {
            Start::Fresh(fresh) => Ok(footprint::check(plan, &fresh.recipe, threads)?),
            Start::Resume { .. } => Ok(()),
        }
    }

    /// How it is trained.
    pub fn recipe(&self) -> &Recipe {
        match self {
            Start::Fresh(fresh) => &fresh.recipe,
            Start::Resume { checkpoint, .. } => &checkpoint.recipe,
        }
    }

    /// Chooses the best epoch by validation images that come with the user's pictures, if nothing else is asked for.
    pub fn use_validation(&mut self) {
        // The share that would be split off; the images that are there take its place.
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
                    console.say(format_args!("{}", found.splits.source));
                    found
                }
            },
        })
    }

    /// The state of the run before its next step; `train` are the images that are left to train with, `fingerprint` is
    /// that of all that were given for it, and `dataset` is the record of all images.
    pub fn checkpoint(
        self,
        plan: &Plan,
        train: &Dataset,
        fingerprint: String,
        dataset: DatasetRecord,
    ) -> Outcome<Checkpoint> {
        let names = train.class_names();
        match self {
            // The same images may be in another place now.
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
