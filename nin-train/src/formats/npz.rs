//! `.npz` archives of named arrays for NumPy.

use std::io::Cursor;

use ndarray::{ArrayRef, Dimension};
use ndarray_npy::{NpzWriter, WritableElement, WriteNpzError};
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

/// An archive under construction in memory. The same arrays give the same bytes.
pub struct Npz(NpzWriter<Cursor<Vec<u8>>>);

impl std::fmt::Debug for Npz {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Npz")
    }
}

impl Default for Npz {
    fn default() -> Self {
        Self::new()
    }
}

impl Npz {
    /// Returns an archive without arrays. Arrays are stored uncompressed, and may be larger than 4 GiB, as
    /// `numpy.savez` writes them.
    pub fn new() -> Self {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored).large_file(true);
        Self(NpzWriter::new_with_options(Cursor::new(Vec::new()), options))
    }

    /// Adds an array.
    ///
    /// # Errors
    ///
    /// [`WriteNpzError`] if an array of this name exists.
    pub fn add<A: WritableElement, D: Dimension>(
        &mut self,
        name: &str,
        array: &ArrayRef<A, D>,
    ) -> Result<(), WriteNpzError> {
        self.0.add_array(name, array)
    }

    /// Returns the file's bytes.
    ///
    /// # Errors
    ///
    /// [`WriteNpzError`] if the directory cannot be written.
    pub fn into_bytes(self) -> Result<Vec<u8>, WriteNpzError> {
        Ok(self.0.finish()?.into_inner())
    }
}
