#!/usr/bin/env python3
"""Does every seed train? Trains one network from seeds 1 to SEEDS.

    dev/seeds.py [SEEDS [FLAGS OF TRAIN...]]

The default is 20 SEEDS and the flags `--epochs 1`. Prints each seed's test accuracy and the number of classes that its
network never predicts, then a summary of all runs.
"""

import pathlib
import statistics
import sys
import tempfile

import runs


def summary(results):
    """Returns the counts of a list of runs as a dictionary; `accuracy` is its mean and spread as a text, or None."""
    ended = [run for run in results if run.failure is None]
    counts = {
        "runs": len(results),
        "died": sum(run.failure == "died" for run in results),
        "diverged": sum(run.failure == "diverged" for run in results),
        "every_class": sum(run.never_answered == 0 for run in ended),
        "one_class": sum(run.never_answered == run.classes - 1 for run in ended),
    }
    percent = [100 * run.accuracy for run in ended]
    accuracy = None
    if len(percent) > 1:
        mean, spread = statistics.mean(percent), statistics.stdev(percent)
        accuracy = f"{mean:.2f} % ± {spread:.2f}, from {min(percent):.2f} to {max(percent):.2f}"
    return {**counts, "accuracy": accuracy}


def train(seeds, flags, report=lambda seed, run: None):
    """Trains from seeds 1 to `seeds`; calls `report` after each run."""
    runs.build()
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(1, seeds + 1):
            run = runs.train([*flags, "--seed", seed], pathlib.Path(folder) / str(seed))
            if seed == 1:
                print(run.images, file=sys.stderr)
            results.append(run)
            report(seed, run)
    return results


def main():
    seeds, flags = runs.arguments(__doc__, ["--epochs", "1"], 20)

    def row(seed, run):
        if run.failure:
            print(f"{seed:4}  {run.error}", flush=True)
        else:
            never = f"{run.never_answered} of {run.classes}" if run.never_answered else ""
            print(f"{seed:4}  {100 * run.accuracy:11.2f} %  {never:>22}", flush=True)

    print(f"nin-train train {' '.join(flags)}\n\nseed  test accuracy  classes never predicted")
    total = summary(train(seeds, flags, row))
    ended = total["runs"] - total["died"] - total["diverged"]
    print(
        f"\n{ended} of {total['runs']} runs ended with a network ({total['died']} died, {total['diverged']} diverged); "
        f"{total['every_class']} predict every class, {total['one_class']} only one class"
        + (f"; test accuracy {total['accuracy']} (mean and standard deviation)" if total["accuracy"] else "")
    )


if __name__ == "__main__":
    main()
