//! Trains Network in Network image classifiers for small machines.

pub mod dataset;
