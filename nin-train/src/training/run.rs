//! A whole run in one call, and the resulting network.

use std::ops::ControlFlow;

use super::error::TrainError;
use super::position::EpochReport;
use super::trainer::{Ended, Trainer};
use crate::data::Dataset;
use crate::network::trained::Trained;

impl Trainer {
    /// Trains until [`is_done`](Self::is_done); `on_epoch` receives the report of each epoch.
    ///
    /// # Errors
    ///
    /// As [`epoch`](Self::epoch).
    pub fn train(&mut self, data: &Dataset, mut on_epoch: impl FnMut(&EpochReport)) -> Result<(), TrainError> {
        while !self.is_done() {
            if let Ended::Epoch(report) = self.epoch(data, |_| ControlFlow::Continue(()))? {
                on_epoch(&report);
            }
        }
        Ok(())
    }

    /// Returns the network as it would be exported now: averaged, with normalisation folded in. In quantisation-aware
    /// training these are the floats before rounding.
    pub fn trained(&self) -> Trained {
        self.checkpoint().trained()
    }
}
