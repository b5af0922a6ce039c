//! Frame and scan headers: how many blocks each component has.

/// A frame header.
pub(super) struct Frame {
    pub progressive: bool,
    width: usize,
    height: usize,
    pub components: Vec<Component>,
}

/// One colour component of a frame.
pub(super) struct Component {
    id: u8,
    /// Blocks across and down in each unit of an interleaved scan.
    pub across: usize,
    pub down: usize,
    /// Blocks in a row, with the padding of interleaved scans.
    pub stride: usize,
    /// Whether a scan has given every block of it.
    pub is_whole: bool,
    /// Progressive frames: for each block, a bit for each coefficient that is not zero.
    pub nonzero: Vec<u64>,
}

/// A scan header.
pub(super) struct Scan {
    /// The components: index in the frame, table for DC, table for AC.
    pub parts: Vec<(usize, usize, usize)>,
    /// The first and last coefficient.
    pub band: (u32, u32),
    /// Whether it adds one bit to coefficients of earlier scans.
    pub refines: bool,
    /// Units (blocks of one component, or groups of blocks) across and down.
    pub units: (usize, usize),
}

impl Frame {
    /// Reads a frame header. `None` if it is impossible.
    pub fn read(segment: &[u8], progressive: bool) -> Option<Self> {
        let &[_, h0, h1, w0, w1, count, ref rest @ ..] = segment else { return None };
        let [height, width] = [[h0, h1], [w0, w1]].map(|side| usize::from(u16::from_be_bytes(side)));
        let parts = rest.as_chunks::<3>().0.get(..usize::from(count))?;
        let factors = |sampling: u8| [usize::from(sampling >> 4), usize::from(sampling & 15)];
        if parts.is_empty() || parts.iter().any(|part| factors(part[1]).iter().any(|factor| !(1..=4).contains(factor)))
        {
            return None;
        }
        let component = |part: &[u8; 3]| {
            let [across, down] = factors(part[1]);
            Component { id: part[0], across, down, stride: 0, is_whole: false, nonzero: Vec::new() }
        };
        let mut frame = Self { progressive, width, height, components: parts.iter().map(component).collect() };
        let (units_across, _) = frame.units();
        frame.components.iter_mut().for_each(|component| component.stride = units_across * component.across);
        Some(frame)
    }

    /// Returns the number of pixels.
    pub fn pixels(&self) -> u64 {
        self.width as u64 * self.height as u64
    }

    /// Takes memory for the coefficients of a progressive frame.
    pub fn allocate(&mut self) {
        let (_, units_down) = self.units();
        for component in self.components.iter_mut().filter(|component| component.nonzero.is_empty()) {
            component.nonzero = vec![0; component.stride * units_down * component.down];
        }
    }

    /// Returns the largest sampling factors, across and down.
    fn largest(&self) -> (usize, usize) {
        let most = |factor: fn(&Component) -> usize| self.components.iter().map(factor).max().unwrap_or(1);
        (most(|component| component.across), most(|component| component.down))
    }

    /// Returns the units of an interleaved scan, across and down.
    fn units(&self) -> (usize, usize) {
        let (across, down) = self.largest();
        (self.width.div_ceil(8 * across), self.height.div_ceil(8 * down))
    }

    /// Returns whether scans have given every block of every component.
    pub fn is_whole(&self) -> bool {
        self.components.iter().all(|component| component.is_whole)
    }

    /// Reads a scan header. `None` if it is impossible.
    pub fn scan(&self, segment: &[u8]) -> Option<Scan> {
        let (&count, rest) = segment.split_first()?;
        let (listed, rest) = rest.split_at_checked(2 * usize::from(count))?;
        let &[first, last, bits, ..] = rest else { return None };
        let part = |&[id, tables]: &[u8; 2]| {
            let index = self.components.iter().position(|component| component.id == id)?;
            Some((index, usize::from(tables >> 4), usize::from(tables & 15)))
        };
        let parts: Vec<_> = listed.as_chunks().0.iter().map(part).collect::<Option<_>>()?;
        let band = if self.progressive { (u32::from(first), u32::from(last)) } else { (0, 63) };
        // Scans of coefficients above the first have one component.
        if parts.is_empty() || band.0 > band.1 || band.1 > 63 || (self.progressive && band.0 > 0 && parts.len() > 1) {
            return None;
        }
        let units = match parts[..] {
            [(index, ..)] => {
                let (component, (across, down)) = (&self.components[index], self.largest());
                let side = |length: usize, factor: usize, most: usize| (length * factor).div_ceil(most).div_ceil(8);
                (side(self.width, component.across, across), side(self.height, component.down, down))
            }
            _ => self.units(),
        };
        Some(Scan { parts, band, refines: self.progressive && bits >> 4 != 0, units })
    }
}
