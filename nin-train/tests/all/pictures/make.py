#!/usr/bin/env python3
"""Writes the small pictures that `dataset_pictures.rs` reads, and what Pillow reads in them.

Each picture `NAME.EXT` has its pixels as Pillow decodes them in `NAME.rgb`: 28 rows of 40 pixels, RGB, upright, on
white.
`scaled.rgb` is `png-rgb.png` reduced to 14 rows of 20 pixels by Pillow's box filter. Needs NumPy and Pillow 13.

python3 nin-train/tests/all/pictures/make.py
"""

import struct
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

FOLDER = Path(__file__).parent
ROWS, COLUMNS = 28, 40


def scene():
    """Returns colours that differ along rows and columns, with edges, so that no mirror image looks alike."""
    y, x = np.mgrid[0:ROWS, 0:COLUMNS].astype(float)
    red = 255 * x / (COLUMNS - 1)
    green = 255 * y / (ROWS - 1)
    blue = 128 + 100 * np.sin(x / 5 + y / 7)
    pixels = np.stack([red, green, blue], axis=-1).round().astype(np.uint8)
    pixels[4:10, 5:17] = (230, 40, 30)
    pixels[15:22, 24:30] = (20, 60, 200)
    return Image.fromarray(pixels)


def upright_on_white(image):
    """Returns an image as the trainer wants it: turned by its EXIF tag, on white, RGB."""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        grey = (np.asarray(image).astype(float) / 257).round().astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def write(name, image, **options):
    path = FOLDER / name
    image.save(path, **options)
    record(path)


def record(path):
    with Image.open(path) as image:
        pixels = np.asarray(upright_on_white(image))
    assert pixels.shape == (ROWS, COLUMNS, 3), path
    path.with_suffix(".rgb").write_bytes(pixels.tobytes())


def without_huffman_tables(jpeg):
    """Returns a JPEG as cameras write motion JPEG frames."""
    kept, at = jpeg[:2], 2
    while jpeg[at + 1] != 0xDA:
        end = at + 2 + struct.unpack(">H", jpeg[at + 2 : at + 4])[0]
        if jpeg[at + 1] != 0xC4:
            kept += jpeg[at:end]
        at = end
    return kept + jpeg[at:]


def main():
    rgb = scene()
    grey = rgb.convert("L")
    palette = rgb.quantize(60)
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 251 + 77)
    alpha = rgb.copy()
    alpha.putalpha(Image.fromarray((np.mgrid[0:ROWS, 0:COLUMNS][1] * 6).astype(np.uint8)))
    holes = rgb.quantize(60)

    write("png-rgb.png", rgb)
    write("png-palette.png", palette)
    write("png-holes.png", holes, transparency=3)
    write("png-grey16.png", deep)
    write("png-alpha.png", alpha)

    write("jpeg-444.jpg", rgb, quality=92, subsampling="4:4:4")
    write("jpeg-422.jpeg", rgb, quality=92, subsampling="4:2:2")
    write("jpeg-420.jfif", rgb, quality=92, subsampling="4:2:0")
    write("jpeg-grey.jpg", grey, quality=92)
    write("jpeg-cmyk.jpg", rgb.convert("CMYK"), quality=92)
    write("jpeg-progressive.jpg", rgb, quality=92, progressive=True)
    write("jpeg-progressive-grey.jpg", grey, quality=92, progressive=True)
    write("jpeg-restart.jpg", rgb, quality=92, restart_marker_blocks=2)
    write("jpeg-optimised.jpg", rgb, quality=75, optimize=True)
    turned = Image.Exif()
    turned[0x0112] = 6
    write("jpeg-turned.jpg", rgb.transpose(Image.Transpose.ROTATE_90), quality=92, subsampling="4:4:4", exif=turned)
    frame = without_huffman_tables((FOLDER / "jpeg-422.jpeg").read_bytes())
    (FOLDER / "jpeg-frame.jpg").write_bytes(frame)
    record(FOLDER / "jpeg-frame.jpg")

    write("webp-lossy.webp", rgb, quality=90)
    write("webp-lossless.webp", rgb, lossless=True)
    write("webp-alpha.webp", alpha, lossless=True, exact=True)

    write("bmp-rgb.bmp", rgb)
    write("bmp-palette.bmp", palette)
    write("bmp-grey.bmp", grey)

    write("gif-still.gif", palette)
    write("gif-holes.gif", holes, transparency=3)
    others = [rgb.transpose(Image.Transpose.ROTATE_180).quantize(60)]
    write("gif-moving.gif", palette, save_all=True, append_images=others, duration=100)

    write("tiff-rgb.tif", rgb)
    write("tiff-lzw.tiff", rgb, compression="tiff_lzw")
    write("tiff-deflate.tif", rgb, compression="tiff_adobe_deflate")
    write("tiff-packbits.tif", grey, compression="packbits")
    write("tiff-grey16.tif", deep)
    write("tiff-alpha.tif", alpha)
    write("tiff-fax.tif", grey.point(lambda value: 255 * (value > 120)).convert("1"), compression="group4")
    write("tiff-pages.tif", rgb, save_all=True, append_images=[rgb.transpose(Image.Transpose.ROTATE_180)])

    with Image.open(FOLDER / "png-rgb.png") as image:
        scaled = image.resize((COLUMNS // 2, ROWS // 2), Image.Resampling.BOX)
    (FOLDER / "scaled.rgb").write_bytes(np.asarray(scaled).tobytes())


main()
