//! Damaged copies of files.

/// Makes damaged copies of files, the same ones in each run.
#[derive(Debug)]
pub struct Damage(u64);

impl Default for Damage {
    fn default() -> Self {
        Self(1)
    }
}

impl Damage {
    /// Returns a copy with one to four bytes replaced: by 0, by 255, by any byte, or with one bit inverted.
    ///
    /// # Panics
    ///
    /// If the file is empty.
    pub fn copy(&mut self, whole: &[u8]) -> Vec<u8> {
        let mut file = whole.to_vec();
        for _ in 0..1 + self.draw(4) {
            let at = self.draw(file.len());
            file[at] = match self.draw(4) {
                0 => 0,
                1 => 0xFF,
                2 => file[at] ^ 1 << self.draw(8),
                _ => self.draw(256) as u8,
            };
        }
        file
    }

    /// Returns a number below this one.
    fn draw(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below
    }
}
