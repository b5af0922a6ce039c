//! The working memory of a network.

/// Working memory of the streaming engine: in values (4 bytes each in the float engines) from
/// [`Plan::memory`](super::Plan::memory), in bytes from [`Plan::bytes`](super::Plan::bytes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Memory {
    /// Rows kept between stages: convolution lines, and pooled rows while they gather.
    pub lines: usize,
    /// One tile of pixels on its way through a block; [`Plan::bytes`](super::Plan::bytes) includes the kernels' working
    /// memory.
    pub scratch: usize,
    /// Accumulators of the head: averages, fully connected layers, logits.
    pub head: usize,
}

impl Memory {
    /// The sum of all parts.
    pub const fn total(&self) -> usize {
        self.lines.saturating_add(self.scratch).saturating_add(self.head)
    }
}
