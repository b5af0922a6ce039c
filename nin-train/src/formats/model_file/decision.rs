//! Writes how a model decides into its file: temperature, threshold and unknown class, from version 2 of the format on.

use nin_core::model::{AFFINE_VERSION, DECISION_VERSION, HEADER, VERSION};
use nin_core::{Decision, Model, ModelError};

/// Returns a model file with this decision in place of its own: a file of version 1 if the decision is
/// [`Decision::PLAIN`], otherwise one of version 2. A file of version 3 keeps its version. Everything else stays as it is.
///
/// # Errors
///
/// [`ModelError`] if the file is not a model, or if the decision does not fit it.
pub fn with_decision(file: &[u8], decision: &Decision) -> Result<Vec<u8>, ModelError> {
    let model = Model::read(file)?;
    let before = u16::from_le_bytes([file[8], file[9]]);
    let version = match before {
        AFFINE_VERSION => AFFINE_VERSION,
        _ if *decision == Decision::PLAIN => VERSION,
        _ => DECISION_VERSION,
    };
    let table_and_text = {
        let start = HEADER + if before == VERSION { 0 } else { Decision::BYTES };
        let weights_at = file.len() - 4 - model.weights().len();
        let lengths = [16, 18].map(|at| usize::from(u16::from_le_bytes([file[at], file[at + 1]])));
        let end = start + 8 * usize::from(model.plan().spec().input().channels) + lengths.iter().sum::<usize>();
        &file[start..end.min(weights_at)]
    };
    let mut out = file[..HEADER].to_vec();
    if version != VERSION {
        out.extend(decision.to_bytes());
    }
    out.extend(table_and_text);
    let weights_at = out.len().next_multiple_of(16);
    out.resize(weights_at, 0);
    out.extend(model.weights());
    let length = out.len() + 4;
    out[8..10].copy_from_slice(&version.to_le_bytes());
    // The file that was read has lengths of 32 bits, and this one is 16 bytes longer at most.
    out[12..16].copy_from_slice(&(length as u32).to_le_bytes());
    out[20..24].copy_from_slice(&(weights_at as u32).to_le_bytes());
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&out);
    out.extend(crc.to_le_bytes());
    Model::read(&out).map(drop)?;
    Ok(out)
}
