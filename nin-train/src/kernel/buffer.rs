//! Aligned memory, allocated once.

/// f32 values that start on a cache line, with padding after the end that vectors may read but not write.
pub(crate) struct Buffer {
    values: Vec<f32>,
    start: usize,
    len: usize,
}

impl Buffer {
    /// Values of the padding: the widest panel and a cache line.
    pub(crate) const SLACK: usize = 80;

    /// Makes a buffer of `len` zeros.
    pub(crate) fn zeros(len: usize) -> Buffer {
        let values = vec![0.0; len + Self::SLACK + 16];
        let start = values.as_ptr().align_offset(64).min(16);
        Buffer { values, start, len }
    }

    /// Returns all values and the padding.
    pub(crate) fn view(&self) -> View<'_> {
        self.view_from(0)
    }

    /// Returns the values from `first` on.
    pub(crate) fn view_from(&self, first: usize) -> View<'_> {
        View(&self.values[self.start + first..self.start + self.len + Self::SLACK])
    }
}

/// The end of a [`Buffer`], with its padding.
#[derive(Clone, Copy)]
pub(crate) struct View<'a>(&'a [f32]);

impl<'a> View<'a> {
    /// Returns the values and the padding.
    pub(crate) fn with_slack(self) -> &'a [f32] {
        self.0
    }
}

impl std::ops::Deref for View<'_> {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.0[..self.0.len() - Buffer::SLACK]
    }
}

impl std::ops::Deref for Buffer {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.values[self.start..self.start + self.len]
    }
}

impl std::ops::DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values[self.start..self.start + self.len]
    }
}
