//! Entropy-coded bits and the Huffman codes in them.

use super::Fault;

/// Codes of up to this many bits are found by one look-up.
const FAST: u32 = 9;

/// A Huffman table.
pub(super) struct Table {
    /// For the next [`FAST`] bits: the length of the code (0: longer) and its symbol.
    fast: Box<[(u8, u8); 1 << FAST]>,
    /// For each length: the first value, left-aligned in 16 bits, that is above all codes of this length.
    above: [u32; 17],
    /// For each length: what to add to a code to get the index of its symbol.
    offset: [i32; 17],
    symbols: Vec<u8>,
}

impl Table {
    /// Reads a table: 16 numbers of codes by length, then the symbols. Returns it and the bytes after it.
    pub fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (counts, rest) = bytes.split_first_chunk::<16>()?;
        let total: usize = counts.iter().map(|&count| usize::from(count)).sum();
        let (symbols, rest) = rest.split_at_checked(total)?;
        let (mut fast, mut above, mut offset) = (Box::new([(0, 0); 1 << FAST]), [0; 17], [0; 17]);
        let (mut code, mut index) = (0u32, 0usize);
        for (length, &count) in (1..=16u32).zip(counts) {
            offset[length as usize] = index as i32 - code as i32;
            for _ in 0..count {
                if code >= 1 << length {
                    return None;
                }
                if length <= FAST {
                    let first = (code << (FAST - length)) as usize;
                    fast[first..first + (1 << (FAST - length))].fill((length as u8, symbols[index]));
                }
                code += 1;
                index += 1;
            }
            above[length as usize] = code << (16 - length);
            code <<= 1;
        }
        Some((Self { fast, above, offset, symbols: symbols.to_vec() }, rest))
    }
}

/// The bits of a scan, up to its next marker.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// The first byte that is not in the buffer; at a marker, its `FF`.
    at: usize,
    /// The next `count` bits, in the top of the word; zeros follow.
    buffer: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    /// Returns the bits of a scan that begins with these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, buffer: 0, count: 0 }
    }

    /// Returns where the bytes after the scan begin. Valid after [`Bits::finish`].
    pub fn position(&self) -> usize {
        self.at
    }

    fn fill(&mut self) {
        while self.count <= 56 {
            let Some(&byte) = self.bytes.get(self.at) else { return };
            let mut next = self.at + 1;
            if byte == 0xff {
                match self.bytes.get(next) {
                    Some(0) => next += 1,
                    // A fill byte before a marker.
                    Some(0xff) => {
                        self.at = next;
                        continue;
                    }
                    _ => return,
                }
            }
            self.buffer |= u64::from(byte) << (56 - self.count);
            self.count += 8;
            self.at = next;
        }
    }

    /// Returns the fault of missing bits: the file is cut, or a marker follows.
    fn out(&self) -> Fault {
        if self.at + 1 >= self.bytes.len() { Fault::Ends } else { Fault::Damaged }
    }

    fn drop(&mut self, bits: u32) {
        self.buffer = self.buffer.checked_shl(bits).unwrap_or(0);
        self.count -= bits;
    }

    /// Reads up to 16 bits as a number.
    pub fn read(&mut self, bits: u32) -> Result<u32, Fault> {
        if self.count < bits {
            self.fill();
            if self.count < bits {
                return Err(self.out());
            }
        }
        let value = self.buffer.checked_shr(64 - bits).unwrap_or(0) as u32;
        self.drop(bits);
        Ok(value)
    }

    /// Reads one Huffman code and returns its symbol.
    pub fn symbol(&mut self, table: &Table) -> Result<u8, Fault> {
        if self.count < 16 {
            self.fill();
        }
        let (mut length, mut symbol) = table.fast[(self.buffer >> (64 - FAST)) as usize];
        if length == 0 {
            let next = (self.buffer >> 48) as u32;
            let found = (FAST as usize + 1..=16).find(|&length| next < table.above[length]);
            // Bits that are missing read as zeros, so a code that does not exist may also be one that is cut.
            let wrong = if self.count < 16 { self.out() } else { Fault::Damaged };
            let long = found.ok_or(wrong)?;
            let index = (next >> (16 - long)) as i32 + table.offset[long];
            symbol = *usize::try_from(index).ok().and_then(|index| table.symbols.get(index)).ok_or(wrong)?;
            length = long as u8;
        }
        if u32::from(length) > self.count {
            return Err(self.out());
        }
        self.drop(length.into());
        Ok(symbol)
    }

    /// Drops the bits that fill the last byte, and checks that nothing but padding stands before the next marker.
    pub fn finish(&mut self) -> Result<(), Fault> {
        self.drop(self.count % 8);
        loop {
            self.fill();
            if self.count == 0 {
                return Ok(());
            }
            while self.count > 0 {
                // Encoders of some cameras pad a scan with zeros or ones to an even or fixed length.
                if !matches!(self.read(8)?, 0 | 0xff) {
                    return Err(Fault::Damaged);
                }
            }
        }
    }

    /// Reads restart marker `number` (0 to 7), which must be next.
    pub fn restart(&mut self, number: usize) -> Result<(), Fault> {
        self.finish()?;
        match self.bytes.get(self.at..).unwrap_or_default() {
            [0xff, marker, ..] if usize::from(*marker) == 0xd0 + number => {
                self.at += 2;
                Ok(())
            }
            _ => Err(self.out()),
        }
    }
}
