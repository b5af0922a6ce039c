#!/usr/bin/env python3
"""Writes the small .npz and .npy files that `npz.rs` reads. Needs NumPy; the files are the same each time.

python3 nin-train/tests/all/npz/make.py
"""

import io
import zipfile
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent


def images(count, rows=5, columns=4, channels=None, first=0):
    """Each value tells its place: the image, the row, the column and the channel."""
    n, y, x, c = np.meshgrid(
        np.arange(first, first + count), np.arange(rows), np.arange(columns), np.arange(channels or 1), indexing="ij"
    )
    values = (11 * n + 37 * y + 5 * x + 101 * c) % 256
    return values.astype(np.uint8) if channels else values[..., 0].astype(np.uint8)


def labels(count, classes=2):
    return np.arange(count) % classes


def save(name, compressed=False, **arrays):
    """As numpy.savez, but with the same time in each file."""
    kind = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(FOLDER / name, "w", kind) as archive:
        for key, array in arrays.items():
            data = io.BytesIO()
            np.save(data, array)
            archive.writestr(zipfile.ZipInfo(f"{key}.npy"), data.getvalue(), kind)


# Keras: labels of N, int64; uncompressed.
save("keras.npz", x_train=images(6), y_train=labels(6), x_test=images(4, first=6), y_test=labels(4))
# MedMNIST: labels of N × 1, uint8, in colour, with validation images and names; compressed.
medmnist = {"train": (6, 0), "val": (2, 6), "test": (4, 8)}
arrays = {}
for part, (count, first) in medmnist.items():
    arrays[f"{part}_images"] = images(count, channels=3, first=first)
    arrays[f"{part}_labels"] = labels(count).astype(np.uint8)[:, None]
save("medmnist.npz", compressed=True, **arrays, class_names=np.array(["benign", "bösartig"]))
# Channels first, in Fortran order, without test images; labels in another byte order.
first = np.asfortranarray(images(8, channels=3).transpose(0, 3, 1, 2))
assert first.flags.f_contiguous and not first.flags.c_contiguous
save("fortran.npz", x_train=first, y_train=labels(8).astype(">i4"))
# An array alone, as numpy.save writes it.
np.save(FOLDER / "images.npy", images(3, rows=28, columns=28))
