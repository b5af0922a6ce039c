//! The layout of a model file: its constants, and functions that read its numbers, text and checksum.

/// First bytes of every model file.
pub const MAGIC: [u8; 8] = *b"NiNmodel";
/// The version of the layout of a model that needs nothing newer.
pub const VERSION: u16 = 1;
/// The version of the layout of a model with a [`Decision`](super::Decision).
pub const DECISION_VERSION: u16 = 2;
/// The version of the layout of a model with zero points ([`WeightType::Affine`](crate::WeightType::Affine)) or with
/// depthwise or grouped convolutions, shortcuts, other activations than a ReLU, or windows that are not square. It has a
/// [`Decision`](super::Decision), too.
pub const AFFINE_VERSION: u16 = 3;
/// Bytes before the preprocessing table in version 1. In later versions, a [`Decision`](super::Decision) stands between
/// them.
pub const HEADER: usize = 32;

/// Returns the CRC-32 of zip and Ethernet, computed half a byte at a time. Bit by bit takes a board nearly five times
/// as long; a table of 256 entries needs a kilobyte of flash.
pub(super) const fn crc32(bytes: &[u8]) -> u32 {
    const NIBBLES: [u32; 16] = {
        let mut table = [0; 16];
        let mut nibble = 0;
        while nibble < 16 {
            let mut rest = nibble as u32;
            let mut bit = 0;
            while bit < 4 {
                rest = if rest & 1 == 1 { rest >> 1 ^ 0xedb8_8320 } else { rest >> 1 };
                bit += 1;
            }
            table[nibble] = rest;
            nibble += 1;
        }
        table
    };
    let mut crc = u32::MAX;
    let mut i = 0;
    while i < bytes.len() {
        crc ^= bytes[i] as u32;
        crc = crc >> 4 ^ NIBBLES[crc as usize & 15];
        crc = crc >> 4 ^ NIBBLES[crc as usize & 15];
        i += 1;
    }
    !crc
}

// The check value of the catalogues of CRCs.
const _: () = assert!(crc32(b"123456789") == 0xcbf4_3926);

pub(super) const fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

pub(super) const fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

pub(super) const fn f32_at(bytes: &[u8], at: usize) -> f32 {
    f32::from_bits(u32_at(bytes, at))
}

/// Whether the scales of a preprocessing table (means, then scales) are equal.
pub(super) const fn is_one_scale(table: &[u8]) -> bool {
    let scales = table.len() / 2;
    let mut at = scales;
    while at < table.len() {
        if u32_at(table, at) != u32_at(table, scales) {
            return false;
        }
        at += 4;
    }
    true
}

/// Whether the means of a preprocessing table are a number with these bits; +0 and -0 count as equal.
pub(super) const fn has_one_mean(table: &[u8], bits: u32) -> bool {
    let mut at = 0;
    while at < table.len() / 2 {
        // The shift drops the sign of a zero.
        if u32_at(table, at) != bits && (u32_at(table, at) | bits) << 1 != 0 {
            return false;
        }
        at += 4;
    }
    true
}

pub(super) const fn all_zero(bytes: &[u8]) -> bool {
    count(bytes, 0) == bytes.len()
}

/// Returns the number of lines that are not empty, and whether there is an empty one.
pub(super) const fn lines(text: &[u8]) -> (usize, bool) {
    let (mut found, mut empty) = (0, false);
    let (mut start, mut i) = (0, 0);
    while i <= text.len() {
        if i == text.len() || text[i] == b'\n' {
            if i > start {
                found += 1;
            } else {
                empty = true;
            }
            start = i + 1;
        }
        i += 1;
    }
    (found, empty)
}

const fn count(bytes: &[u8], wanted: u8) -> usize {
    let (mut i, mut found) = (0, 0);
    while i < bytes.len() {
        if bytes[i] == wanted {
            found += 1;
        }
        i += 1;
    }
    found
}
