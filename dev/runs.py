"""Trains a network and reads the result from the JSON that nin-train writes, for seeds.py, deaths.py and study.py."""

import argparse
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "target" / "debug" / "nin-train"


@dataclasses.dataclass
class Run:
    """The result of a run. `failure` is "died", "diverged" or None; the last three fields are set if it is None."""

    failure: str | None
    error: str
    images: str
    seconds: float
    accuracy: float = 0.0
    classes: int = 0
    never_answered: int = 0


def arguments(about, flags, seeds=None):
    """Parses `[SEEDS [FLAGS OF TRAIN...]]`; returns `(seeds, flags)`. Without a default there is no SEEDS."""
    words = sys.argv[1:]
    if words[:1] in (["-h"], ["--help"]):
        sys.exit(about.strip())
    if seeds is not None and words:
        count = words.pop(0)
        if not count.isdecimal() or int(count) == 0:
            sys.exit(f"the first argument must be the number of seeds, not {count!r}: see --help")
        seeds = int(count)
    return seeds, words or flags


def build():
    """Builds the trainer in the folder from which `train` runs it."""
    environment = {**os.environ, "CARGO_TARGET_DIR": str(ROOT / "target")}
    subprocess.run(["cargo", "build", "--quiet", "-p", "nin-train"], cwd=ROOT, env=environment, check=True)


def train(flags, folder):
    """Trains with these flags into `folder`, and measures the exported network on the test images."""
    begun = time.monotonic()
    done = nin_train("train", *flags, "--out", folder, "--quiet")
    seconds = time.monotonic() - begun
    if done.returncode:
        # The trainer writes no JSON for a run that fails, so the error message must do.
        failure = next((what for what in ("died", "diverged") if f" {what} " in done.stderr.partition(";")[0]), None)
        if failure is None:
            sys.exit(done.stderr.rstrip())
        return Run(failure, done.stderr.strip(), start(folder)["images"], seconds)
    test = evaluate(flags, folder)
    answers = [sum(column) for column in zip(*test["confusion"])]
    return Run(None, "", start(folder)["images"], seconds, test["accuracy"], len(answers), answers.count(0))


def start(folder):
    """Returns the first line of a run's metrics: the network, its recipe and its images."""
    with open(folder / "metrics.jsonl", encoding="utf-8") as metrics:
        return json.loads(metrics.readline())


def evaluate(flags, folder):
    """Runs `nin-train eval --json` on the test images of a run; returns the result."""
    images = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for flag in ("--dataset", "--data", "--test-fraction"):
        images.add_argument(flag)
    images.add_argument("--offline", action="store_true")
    known, _ = images.parse_known_args(list(map(str, flags)))
    same = [f"--{name.replace('_', '-')}={value}" for name, value in vars(known).items() if value and value is not True]
    done = nin_train("eval", folder / "model.nin", "--json", *same, *(["--offline"] if known.offline else []))
    if done.returncode:
        sys.exit(done.stderr.rstrip())
    return json.loads(done.stdout)


def nin_train(*words):
    return subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True)
