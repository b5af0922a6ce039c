//! Which sides of an image each dimension of a tensor has.
//!
//! A tensor of a map is images × channels × rows × columns, until operators transpose, flatten or reshape it. There is one
//! image. A side of length 1 is left out: it has no order.

use crate::formats::lowering::Size;

/// A side of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    Rows,
    Columns,
    Channels,
}

/// The sides in each dimension of a tensor, the slowest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axes(pub Vec<Vec<Axis>>);

impl Axis {
    /// Returns the length of the side.
    fn length(self, [rows, columns, channels]: Size) -> usize {
        match self {
            Self::Rows => rows,
            Self::Columns => columns,
            Self::Channels => channels,
        }
    }
}

impl Axes {
    /// Returns the dimensions of a map: an image, then these sides.
    pub fn of(sides: &[Axis], size: Size) -> Self {
        let side = |axis: &Axis| if axis.length(size) > 1 { vec![*axis] } else { Vec::new() };
        Self(std::iter::once(Vec::new()).chain(sides.iter().map(side)).collect())
    }

    /// Returns the dimensions images × channels × rows × columns.
    pub fn channels_first(size: Size) -> Self {
        Self::of(&[Axis::Channels, Axis::Rows, Axis::Columns], size)
    }

    /// Returns the lengths of the dimensions.
    pub fn dims(&self, size: Size) -> Vec<usize> {
        self.0.iter().map(|sides| sides.iter().map(|side| side.length(size)).product()).collect()
    }

    /// Returns the sides in the order of the values.
    fn order(&self) -> Vec<Axis> {
        self.0.concat()
    }

    /// Returns the dimensions in another order.
    pub fn transposed(&self, order: &[usize]) -> Option<Self> {
        let mut seen = order.to_vec();
        seen.sort_unstable();
        seen.into_iter().eq(0..self.0.len()).then(|| Self(order.iter().map(|&at| self.0[at].clone()).collect()))
    }

    /// Returns the same values in other dimensions; `None` if a dimension would hold a part of a side.
    pub fn reshaped(&self, dims: &[usize], size: Size) -> Option<Self> {
        let mut rest = self.order().into_iter().peekable();
        let mut found = Vec::with_capacity(dims.len());
        for &dim in dims {
            let (mut sides, mut length) = (Vec::new(), 1);
            while length < dim {
                let side = rest.next()?;
                length *= side.length(size);
                sides.push(side);
            }
            if length != dim {
                return None;
            }
            found.push(sides);
        }
        rest.peek().is_none().then_some(Self(found))
    }

    /// Returns for each value of the tensor, in its order, its place in a map of rows, columns, channels.
    pub fn places(&self, size: Size) -> Vec<usize> {
        let order = self.order();
        let [_, columns, channels] = size;
        let stride = |axis: Axis| match axis {
            Axis::Rows => columns * channels,
            Axis::Columns => channels,
            Axis::Channels => 1,
        };
        let mut places = vec![0];
        for axis in order {
            let (length, stride) = (axis.length(size), stride(axis));
            places = places.iter().flat_map(|place| (0..length).map(move |at| place + at * stride)).collect();
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use super::{Axes, Axis};

    #[test]
    fn reshaping_keeps_sides_whole() {
        // 2 rows, 3 columns, 5 channels.
        let size = [2, 3, 5];
        let map = Axes::channels_first(size);
        assert_eq!(map.dims(size), [1, 5, 2, 3]);
        let flat = map.reshaped(&[1, 30], size).unwrap();
        assert_eq!(flat.0, [vec![], vec![Axis::Channels, Axis::Rows, Axis::Columns]]);
        assert_eq!(flat.reshaped(&[5, 1, 6], size).unwrap().dims(size), [5, 1, 6]);
        for dims in [&[1, 15, 2][..], &[1, 15], &[1, 5, 2, 3, 2], &[3, 10]] {
            assert_eq!(map.reshaped(dims, size), None, "{dims:?}");
        }
        let last = map.transposed(&[0, 2, 3, 1]).unwrap();
        assert_eq!(last.dims(size), [1, 2, 3, 5]);
        assert_eq!(last.places(size), (0..30).collect::<Vec<_>>());
        assert_eq!(map.transposed(&[0, 1, 2]), None);
        assert_eq!(map.transposed(&[0, 1, 1, 3]), None);
        // A side of length 1 may be anywhere.
        let grey = Axes::of(&[Axis::Rows, Axis::Columns, Axis::Channels], [4, 6, 1]);
        assert_eq!(grey.reshaped(&[1, 1, 4, 6], [4, 6, 1]), Some(Axes::channels_first([4, 6, 1])));
    }

    #[test]
    fn values_of_channels_first_have_their_places() {
        let size = [2, 3, 5];
        let places = Axes::channels_first(size).places(size);
        for (at, (channel, row, column)) in (0..30).map(|at| (at, (at / 6, at / 3 % 2, at % 3))) {
            assert_eq!(places[at], (row * 3 + column) * 5 + channel);
        }
    }
}
