//! The pixel formats of cameras, and their conversion to RGB and grey.

/// How a camera writes a row of pixels.
///
/// The crate has the usual formats. For another one, implement this trait.
pub trait PixelFormat {
    /// Returns the bytes of a row of `columns` pixels.
    fn line_bytes(columns: usize) -> usize;

    /// Returns red, green and blue of pixel `x`.
    fn rgb(line: &[u8], x: usize) -> [u8; 3];

    /// Returns the grey level of pixel `x`, by default the [`luma`] of its colour.
    #[inline(always)]
    fn grey(line: &[u8], x: usize) -> u8 {
        luma(Self::rgb(line, x))
    }
}

/// Returns the grey level of a colour: (77 R + 150 G + 29 B + 128) / 256, rounded down.
///
/// These are the weights of ITU-R BT.601, which JPEG and most cameras use for their luma. Equal R, G and B stay as they
/// are.
#[inline(always)]
pub const fn luma([r, g, b]: [u8; 3]) -> u8 {
    ((77 * r as u32 + 150 * g as u32 + 29 * b as u32 + 128) >> 8) as u8
}

/// One byte per pixel. A colour network reads it as R, G and B.
#[derive(Clone, Copy, Debug)]
pub struct Grey;

impl PixelFormat for Grey {
    fn line_bytes(columns: usize) -> usize {
        columns
    }

    #[inline(always)]
    fn rgb(line: &[u8], x: usize) -> [u8; 3] {
        [line[x]; 3]
    }

    #[inline(always)]
    fn grey(line: &[u8], x: usize) -> u8 {
        line[x]
    }
}

/// Three bytes per pixel: R, G, B.
#[derive(Clone, Copy, Debug)]
pub struct Rgb888;

impl PixelFormat for Rgb888 {
    fn line_bytes(columns: usize) -> usize {
        3 * columns
    }

    #[inline(always)]
    fn rgb(line: &[u8], x: usize) -> [u8; 3] {
        let pixel = &line[3 * x..][..3];
        [pixel[0], pixel[1], pixel[2]]
    }
}

/// Three bytes per pixel: B, G, R.
#[derive(Clone, Copy, Debug)]
pub struct Bgr888;

impl PixelFormat for Bgr888 {
    fn line_bytes(columns: usize) -> usize {
        3 * columns
    }

    #[inline(always)]
    fn rgb(line: &[u8], x: usize) -> [u8; 3] {
        let pixel = &line[3 * x..][..3];
        [pixel[2], pixel[1], pixel[0]]
    }
}

/// Two bytes per pixel, the upper one first: five bits of red, six of green, five of blue. The OV2640, OV5640 and
/// OV7670 write their bytes in this order.
///
/// Five bits become eight by repeating the upper three: `v << 3 | v >> 2`. Six bits become `v << 2 | v >> 4`.
#[derive(Clone, Copy, Debug)]
pub struct Rgb565Be;

impl PixelFormat for Rgb565Be {
    fn line_bytes(columns: usize) -> usize {
        2 * columns
    }

    #[inline(always)]
    fn rgb(line: &[u8], x: usize) -> [u8; 3] {
        let pixel = &line[2 * x..][..2];
        expand(pixel[0], pixel[1])
    }
}

/// As [`Rgb565Be`], the lower byte first: the order in which a little-endian processor stores a 16-bit pixel.
#[derive(Clone, Copy, Debug)]
pub struct Rgb565Le;

impl PixelFormat for Rgb565Le {
    fn line_bytes(columns: usize) -> usize {
        2 * columns
    }

    #[inline(always)]
    fn rgb(line: &[u8], x: usize) -> [u8; 3] {
        let pixel = &line[2 * x..][..2];
        expand(pixel[1], pixel[0])
    }
}

/// Expands the upper and the lower byte of an RGB565 pixel.
#[inline(always)]
const fn expand(upper: u8, lower: u8) -> [u8; 3] {
    let red = upper >> 3;
    let green = (upper & 7) << 3 | lower >> 5;
    let blue = lower & 31;
    [red << 3 | red >> 2, green << 2 | green >> 4, blue << 3 | blue >> 2]
}

/// Four bytes for two pixels: Y of the first, U, Y of the second, V (also called YUY2 or YUV 4:2:2). A row of an odd
/// number of pixels has the four bytes of its last pair, too.
///
/// Y, U and V have the full range of 0 to 255, as in JPEG. With u = U − 128 and v = V − 128, each quotient rounded
/// down:
///
/// - R = Y + (359 v + 128) / 256
/// - G = Y − (88 u + 183 v + 128) / 256
/// - B = Y + (454 u + 128) / 256
///
/// Results below 0 and above 255 become 0 and 255. The grey level is Y. (Set a camera that writes Y from 16 to 235 to
/// the full range, or train with its pictures.)
#[derive(Clone, Copy, Debug)]
pub struct Yuyv;

impl PixelFormat for Yuyv {
    fn line_bytes(columns: usize) -> usize {
        4 * columns.div_ceil(2)
    }

    #[inline(always)]
    fn rgb(line: &[u8], x: usize) -> [u8; 3] {
        let pair = &line[x / 2 * 4..][..4];
        let level = pair[x % 2 * 2] as i32;
        let (u, v) = (pair[1] as i32 - 128, pair[3] as i32 - 128);
        let byte = |value: i32| value.clamp(0, 255) as u8;
        [
            byte(level + ((359 * v + 128) >> 8)),
            byte(level - ((88 * u + 183 * v + 128) >> 8)),
            byte(level + ((454 * u + 128) >> 8)),
        ]
    }

    #[inline(always)]
    fn grey(line: &[u8], x: usize) -> u8 {
        line[2 * x]
    }
}
