//! Shared code of the examples: reads model files and the repository's ten images.

use std::{env, fs, io};

/// The bytes of a model file, aligned as they are in flash.
pub struct ModelBytes {
    words: Vec<u32>,
    length: usize,
}

impl ModelBytes {
    /// Reads the file that the program's first argument names, or else `default` from the repository.
    pub fn read(default: &str) -> io::Result<ModelBytes> {
        let bytes = read(&env::args().nth(1).unwrap_or_else(|| in_repository(default)))?;
        let mut words = vec![0; bytes.len().div_ceil(4)];
        bytemuck::cast_slice_mut(&mut words)[..bytes.len()].copy_from_slice(&bytes);
        Ok(ModelBytes { words, length: bytes.len() })
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.length]
    }
}

/// Returns test images of Fashion-MNIST, 28 rows of 28 bytes each, from the IDX file that the program's second argument
/// names; without one, the repository's ten images, one of each class.
pub fn images() -> io::Result<Vec<u8>> {
    let bytes = read(&env::args().nth(2).unwrap_or_else(|| in_repository("nin-embedded/images/fashion-images")))?;
    bytes.get(16..).map(<[u8]>::to_vec).ok_or_else(|| io::Error::other("the images have no IDX header"))
}

fn read(path: &str) -> io::Result<Vec<u8>> {
    fs::read(path).map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))
}

fn in_repository(path: &str) -> String {
    format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"))
}
