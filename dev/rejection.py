#!/usr/bin/env python3
"""How many images of unknown classes does a threshold accept? Trains on Fashion-MNIST without two classes, then
classifies the test images of these two. Needs `numpy`.

    dev/rejection.py [--images 16000] [--epochs 8] [--folder /usr/share/datasets/fashion-mnist] [--program nin-train]

For each pair of classes, both scores, floats and 8 bits, it prints: the threshold that keeps 99, 95 and 90 % of the
right answers on validation images; the share of right answers that it keeps on test images; the accuracy of the
accepted test images; and the share of the unknown images that it accepts. Then it prints the same for a network that
was trained with the first of the two classes as `_unknown`, tested on the second. It checks that the model files have
the same thresholds.
"""

import argparse
import gzip
import math
import pathlib
import re
import struct
import subprocess
import tempfile

import numpy as np

NAMES = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
PAIRS = [("Trouser", "Bag"), ("Sandal", "Shirt")]
KEEP = [0.99, 0.95, 0.9]
LINE = "1x28x28 nin5/2+2:16,16 max3/2 nin3+1:32,32 nin3+1:48 gap fc{}"


def idx(path):
    data = gzip.open(path).read()
    sides = data[3]
    shape = struct.unpack(f">{sides}I", data[4 : 4 + 4 * sides])
    return np.frombuffer(data[4 + 4 * sides :], np.uint8).reshape(shape)


def score(name, logits):
    if name == "logit":
        return logits.max(1)
    return np.log(np.exp(logits.astype(np.float64)).sum(1))


def threshold(scores, right, keep):
    kept = np.sort(scores[right])
    return kept[len(kept) - max(1, math.ceil(keep * len(kept) - 1e-9))]


def stored(path):
    """Returns the temperature and the threshold in a model file of version 2."""
    data = path.read_bytes()
    assert data[8] == 2, f"{path} has no decision"
    temperature, = struct.unpack("<f", data[32:36])
    value, = struct.unpack("<f", data[40:44])
    return temperature, value


class Study:
    def __init__(self, arguments, folder):
        self.arguments, self.folder = arguments, folder
        source = pathlib.Path(arguments.folder)
        self.train = [idx(source / f"train-{kind}-ubyte.gz") for kind in ("images-idx3", "labels-idx1")]
        self.test = [idx(source / f"t10k-{kind}-ubyte.gz") for kind in ("images-idx3", "labels-idx1")]

    def run(self, *words):
        done = subprocess.run([self.arguments.program, *map(str, words)], capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(done.stderr)
        return done.stdout

    def logits(self, model, images, name):
        np.save(self.folder / f"{name}.npy", images)
        out = self.folder / f"{name}.npz"
        self.run("predict", model, self.folder / f"{name}.npy", "--npz", out)
        return np.load(out)["logits"]

    def select(self, part, classes, most=None):
        images, labels = part
        chosen = np.flatnonzero(np.isin(labels, classes))
        chosen = chosen if most is None else chosen[:most]
        return images[chosen], np.array([classes.index(label) for label in labels[chosen]])

    def network(self, classes, names):
        """Trains a network on these classes, in this order; returns the float and the 8-bit model."""
        images, labels = self.select(self.train, classes, self.arguments.images * 5 // 4)
        cut = len(images) * 4 // 5
        self.validation = images[cut:], labels[cut:]
        test, answers = self.select(self.test, classes)
        arrays = dict(x_train=images[:cut], y_train=labels[:cut], x_val=images[cut:], y_val=labels[cut:])
        np.savez(self.folder / "set.npz", **arrays, x_test=test, y_test=answers, class_names=np.array(names))
        flags = ["--epochs", self.arguments.epochs, "--validation", "0.1", "--out", self.folder / f"run{len(names)}"]
        run = self.folder / f"run{len(names)}"
        said = self.run("train", "--data", self.folder / "set.npz", "--line", LINE.format(len(names)), *flags)
        integers = self.folder / f"int8-{len(names)}.nin"
        said += self.run("quantize", run / "best", "--data", self.folder / "set.npz", "--out", integers)
        for line in re.findall(r"On .*|test accuracy.*|.*accuracy .*: .*", said):
            print(f"    {line.strip()}")
        return [("f32", run / "model.nin"), ("int8", integers)]

    def table(self, models, known, unknown, rejected=None):
        """Prints a table; images of class `rejected` are rejected whatever their score."""
        print("| weights | score | keep | threshold | right answers kept | right of the accepted | unknown accepted |")
        print("| --- | --- | --: | --: | --: | --: | --: |")
        share = lambda part: f"{100 * part.mean():.1f} %"
        for kind, model in models:
            images, labels = self.validation
            by_validation, by_test, by_unknown = (
                self.logits(model, images, name)
                for name, images in (("validation", images), ("test", known[0]), ("unknown", unknown))
            )
            is_known = labels != rejected
            right = (by_validation.argmax(1) == labels) & is_known
            test_right = by_test.argmax(1) == known[1]
            for name in ("logit", "energy"):
                scores = [score(name, logits) for logits in (by_validation, by_test, by_unknown)]
                for keep in KEEP:
                    value = threshold(scores[0], right, keep)
                    if (name, keep) == ("logit", 0.95):
                        assert abs(stored(model)[1] - value) < 1e-4 * max(1, abs(value)), (stored(model), value)
                    accepted = [s >= value for s in scores]
                    if rejected is not None:
                        accepted[1] &= by_test.argmax(1) != rejected
                        accepted[2] &= by_unknown.argmax(1) != rejected
                    kept, sure = share(accepted[1][test_right]), share(test_right[accepted[1]])
                    print(f"| {kind} | {name} | {keep:.0%} | {value:.2f} | {kept} | {sure} | {share(accepted[2])} |")
        if rejected is not None:
            for kind, model in models:
                answers = self.logits(model, unknown, "unknown").argmax(1)
                part = share(answers != rejected)
                print(f"\nWithout a threshold, {kind}: {part} of the unknown images are accepted.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=16000)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--folder", default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--program", default="nin-train")
    arguments = parser.parse_args()
    for pair in PAIRS:
        with tempfile.TemporaryDirectory() as folder:
            study = Study(arguments, pathlib.Path(folder))
            first, second = (NAMES.index(name) for name in pair)
            classes = [label for label in range(10) if label not in (first, second)]
            names = [NAMES[label] for label in classes]
            print(f"\n## Without {pair[0]} and {pair[1]}\n", flush=True)
            models = study.network(classes, names)
            known = study.select(study.test, classes)
            unknown = study.select(study.test, [first, second])[0]
            print()
            study.table(models, known, unknown)
            print(f"\n## With {pair[0]} as _unknown, tested on {pair[1]}\n", flush=True)
            models = study.network(classes + [first], names + ["_unknown"])
            print()
            study.table(models, known, study.select(study.test, [second])[0], rejected=len(classes))


if __name__ == "__main__":
    main()
