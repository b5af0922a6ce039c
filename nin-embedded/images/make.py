#!/usr/bin/env python3
"""Writes fashion-images and fashion-labels in IDX form to this folder: the first test image of each class, in the order
of the classes. Usage: make.py FOLDER, where FOLDER has Fashion-MNIST's t10k files (Debian: dataset-fashion-mnist)."""
import gzip
import pathlib
import struct
import sys

folder, here = pathlib.Path(sys.argv[1]), pathlib.Path(__file__).parent
images = gzip.open(folder / "t10k-images-idx3-ubyte.gz").read()[16:]
labels = gzip.open(folder / "t10k-labels-idx1-ubyte.gz").read()[8:]
first = [labels.index(label) for label in range(10)]
(here / "fashion-images").write_bytes(
    struct.pack(">4I", 0x803, 10, 28, 28) + b"".join(images[784 * i:784 * (i + 1)] for i in first))
(here / "fashion-labels").write_bytes(struct.pack(">2I", 0x801, 10) + bytes(range(10)))
