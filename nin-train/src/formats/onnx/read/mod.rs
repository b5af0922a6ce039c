//! Reads ONNX models.

pub(super) mod wire;

use self::wire::{Damaged, Message, Value};

/// Returns whether a file is an ONNX model: a message with a version and a graph, and no field that ONNX does not have.
pub fn is_onnx(file: &[u8]) -> bool {
    let (mut version, mut graph) = (false, false);
    for field in Message(file).fields() {
        match field {
            Ok((1, Value::Int(1..=99))) => version = true,
            Ok((7, Value::Bytes(_))) => graph = true,
            Ok((2..=25, _)) => {}
            Ok(_) | Err(Damaged) => return false,
        }
    }
    version && graph
}
