//! Checks whether a project fits its board.

use super::{FirmwareError, Project};
use crate::boards::Board;

/// The memory that a project needs, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// Code and constants, an upper bound by measurement.
    pub code: u64,
    /// The model file.
    pub model: u64,
    /// The test images with their logits.
    pub images: u64,
    /// Flash for all of these, or without the model if it has a partition.
    pub flash: u64,
    /// The model's partition, if it has one.
    pub partition: Option<u64>,
    /// The network's working memory.
    pub state: u64,
    /// Stack and other statics, an upper bound by measurement.
    pub stack: u64,
}

impl Fit {
    pub(super) fn new(project: &Project<'_>) -> Self {
        let (board, parts) = (project.board, project.parts());
        Self {
            code: parts.code,
            model: project.model.len() as u64,
            images: project.samples.bytes(),
            flash: board.program_flash(project.partition),
            partition: board.models.filter(|_| project.partition).map(|(_, length)| length),
            state: project.state(),
            stack: parts.ram,
        }
    }

    pub(super) fn check(&self, board: &Board) -> Result<(), FirmwareError> {
        let board_name = board.name;
        let Self { code, model, images, flash, partition, state, stack } = *self;
        if let Some(partition) = partition.filter(|&length| model > length) {
            return Err(FirmwareError::ModelPartition { board: board_name, model, partition });
        }
        let model = if partition.is_some() { 0 } else { model };
        if code + model + images > flash {
            return Err(FirmwareError::Flash { board: board_name, code, model, images, flash });
        }
        if state + stack > board.ram {
            return Err(FirmwareError::Ram { board: board_name, state, stack, ram: board.ram });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use nin_core::{Plan, Spec, WeightType};

    use crate::boards::{BOARDS, Board, Chip, Memory};
    use crate::firmware::hal::Parts;
    use crate::firmware::{Engine, FirmwareError, Project, Rows, Samples};

    const SMALL: &str = "1x28x28 nin5/2+2:4,10 gap";
    /// Three rows of 4,000 × 512 bytes: more than the RAM of each board.
    const WIDE: &str = "1x200x4000 nin3+1:512 nin3+1:4,10 gap";

    fn project<'a>(
        board: &'a Board,
        partition: bool,
        line: &'static str,
        model: &'a [u8],
        images: usize,
    ) -> Project<'a> {
        let samples = Samples {
            pixels: vec![0; 784 * images],
            labels: vec![0; images],
            logits: vec![vec![0.0; 10]; images],
            right: images,
        };
        Project {
            name: "project".to_owned(),
            board,
            rows: Rows::Memory,
            partition,
            plan: Plan::new(Spec::new(line)),
            weight_type: WeightType::Int8,
            model,
            samples,
            engine: Engine::Version("0.1.0".to_owned()),
            flip_link: false,
            command: "nin-train firmware".to_owned(),
        }
    }

    #[test]
    fn each_board_refuses_what_is_a_byte_too_large() {
        let memory = |length| Memory { length, origin: None };
        let chip = Chip { name: "STM32L476RGTx", flash: memory(1 << 20), ram: memory(96 << 10), core: None, khz: None };
        let generic = Board::generic(&chip).unwrap();
        let zeros = vec![0; 32 << 20];
        for board in BOARDS.iter().chain([&generic]).filter(|board| board.has_project()) {
            let name = board.name;
            // An image has 784 pixels, ten logits, its label and a reference.
            let room = (board.program_flash(false) - Parts::of(board).code - (784 + 40 + 12)) as usize;
            assert!(project(board, false, SMALL, &zeros[..room], 1).check().is_ok(), "{name}");
            for larger in
                [project(board, false, SMALL, &zeros[..=room], 1), project(board, false, SMALL, &zeros[..room], 2)]
            {
                let error = larger.check().unwrap_err();
                assert!(matches!(error, FirmwareError::Flash { .. }), "{name}: {error}");
                assert!(error.to_string().contains("--weights 4bit"), "{error}");
            }

            let error = project(board, false, WIDE, &[], 1).check().unwrap_err();
            assert!(matches!(error, FirmwareError::Ram { .. }) && error.to_string().contains("plan LINE"), "{error}");

            match board.models {
                None => {
                    assert_eq!(project(board, true, SMALL, &[], 1).check().unwrap_err(), FirmwareError::Partition(name))
                }
                Some((_, length)) => {
                    let length = length as usize;
                    let parts = Parts::with(board, WeightType::Int8, true);
                    let beside = board.program_flash(true) < parts.code + 836;
                    assert_eq!(project(board, true, SMALL, &zeros[..length], 1).check().is_err(), beside, "{name}");
                    let error = project(board, true, SMALL, &zeros[..=length], 1).check().unwrap_err();
                    assert!(matches!(error, FirmwareError::ModelPartition { .. }), "{name}: {error}");
                }
            }
        }
    }

    #[test]
    fn zero_points_need_more_code() {
        const MANY: usize = 1 << 20;
        for board in BOARDS.iter().filter(|board| board.has_project()) {
            let of = |weight_type, images| Project { weight_type, ..project(board, false, SMALL, &[], images) };
            let [ordinary, zeros] = [WeightType::Int8, WeightType::Affine].map(|weights| of(weights, 1).room(MANY));
            assert!(zeros < ordinary, "{}: {zeros} {ordinary}", board.name);
            assert!(of(WeightType::Affine, zeros).check().is_ok(), "{}", board.name);
            let error = of(WeightType::Affine, zeros + 1).check().unwrap_err();
            assert!(matches!(error, FirmwareError::Flash { .. }), "{}: {error}", board.name);
        }
    }

    #[test]
    fn ram_counts_to_the_byte() {
        for board in BOARDS.iter().filter(|board| board.has_project()) {
            let state = project(board, false, SMALL, &[], 1).state();
            let with = |ram| Board { ram, ..*board };
            // As on a board with little RAM, where the log has a smaller buffer.
            let needed = state + Parts::of(&with(0)).ram;
            assert!(project(&with(needed), false, SMALL, &[], 1).check().is_ok(), "{}", board.name);
            let error = project(&with(needed - 1), false, SMALL, &[], 1).check().unwrap_err();
            assert!(matches!(error, FirmwareError::Ram { .. }), "{error}");
        }
    }
}
