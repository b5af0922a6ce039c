#!/usr/bin/env python3
"""The book's exercises on a reduced input: a NiN for 28×28 pixels, with one change at a time.

    dev/study.py [FLAGS OF TRAIN...]

The default flags are `--epochs 2`. Prints a table in Markdown, a row as soon as its network is trained: parameters,
multiply-accumulates, RAM of the f32 engine, seconds of training, test accuracy.
"""

import json
import pathlib
import sys
import tempfile

import runs

NETWORKS = {
    "two 1×1 layers a block, as in the book":
        "1x28x28 nin5+2:32,32,32 max3/2 nin3+1:48,48,48 max3/2 nin3+1:10,10,10 gap",
    "no 1×1 layers":
        "1x28x28 nin5+2:32 max3/2 nin3+1:48 max3/2 nin3+1:10 gap",
    "one 1×1 layer a block":
        "1x28x28 nin5+2:32,32 max3/2 nin3+1:48,48 max3/2 nin3+1:10,10 gap",
    "three 1×1 layers a block":
        "1x28x28 nin5+2:32,32,32,32 max3/2 nin3+1:48,48,48,48 max3/2 nin3+1:10,10,10,10 gap",
    "3×3 in the place of 1×1":
        "1x28x28 nin5+2:32 nin3+1:32 nin3+1:32 max3/2 nin3+1:48 nin3+1:48 nin3+1:48 max3/2 "
        "nin3+1:10 nin3+1:10 nin3+1:10 gap",
    "`fc10` instead of `gap`":
        "1x28x28 nin5+2:32,32,32 max3/2 nin3+1:48,48,48 max3/2 nin3+1:10,10,10 fc10",
    # The last 1×1 layer is applied after the average, which gives the same result.
    "no ReLU on the logits":
        "1x28x28 nin5+2:32,32,32 max3/2 nin3+1:48,48,48 max3/2 nin3+1:10,10 gap fc10",
    "a wide last block, then `gap fc10`":
        "1x28x28 nin5+2:32,32,32 max3/2 nin3+1:48,48,48 max3/2 nin3+1:48,48 gap fc10",
    "from 48 channels to 10 in steps":
        "1x28x28 nin5+2:32,32,32 max3/2 nin3+1:48,48,48 max3/2 nin3+1:32,20,10 gap",
}


def costs(line):
    """Returns parameters, multiply-accumulates and RAM of the f32 engine, from `nin-train plan --json`."""
    done = runs.nin_train("plan", line, "--json")
    if done.returncode:
        sys.exit(f"study.py: no plan of {line}: {done.stderr.strip()}")
    (network,) = json.loads(done.stdout)["networks"]
    return f"{network['parameters']:,}", f"{network['macs']:,}", f"{network['ram']['f32'] / 1024:.1f} KiB"


def main():
    _, flags = runs.arguments(__doc__, ["--epochs", "2"])
    runs.build()
    print(f"nin-train train {' '.join(flags)}\n")
    print("| network | parameters | MACs | RAM | seconds | test accuracy |")
    print("| --- | --: | --: | --: | --: | --: |", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, line) in enumerate(NETWORKS.items()):
            run = runs.train(["--line", line, *flags], pathlib.Path(folder) / str(number))
            if number == 0:
                print(run.images, file=sys.stderr)
            result = run.failure or f"{100 * run.accuracy:.2f} %"
            print(f"| {name} | {' | '.join(costs(line))} | {run.seconds:.0f} | {result} |", flush=True)


if __name__ == "__main__":
    main()
