#!/usr/bin/env python3
"""How well does nin-train learn sets of pictures by default? Trains networks on the sets of photo_sets.py.

    dev/photo_study.py run SETS RESULTS.jsonl [--seeds 5] [--only plain|default] [--program PATH] [--jobs 2]
    dev/photo_study.py table RESULTS.jsonl

`run` trains each set of the folder SETS from each seed in two ways and appends one JSON object for each run:

    plain     a network of three blocks with the recipe for Fashion-MNIST
    default   `nin-train train --data SET` without further flags

Runs that are already in RESULTS.jsonl are not repeated. `table` prints the results as Markdown: the mean, standard
deviation and minimum of the test accuracy over the seeds, and the number of runs that never predict one of the classes.
`run` needs a program that was built with `cargo build -p nin-train --release`.
"""

import argparse
import concurrent.futures
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "target/release/nin-train"
BLOCKS = "nin5/2+2:16,16 max3/2 nin3+1:32,32 max3/2 drop0.2 nin3+1:48,48 gap"
# The network needs at least 16 × 16 pixels; the digits have 8 × 8.
INPUTS = {"digits": "1x16x16"}
# The recipe for Fashion-MNIST, where `default` chooses by the images.
PLAIN = ["--batch", 128, "--batch-norm", 0, "--crop", 0, "--validation", 0, "--balanced", "false"]


def plain(folder):
    """Returns the flags of a plain run. The number of epochs depends on the number of images."""
    classes = len(list((folder / "train").iterdir()))
    images = len(list((folder / "train").glob("*/*")))
    epochs = min(max(round(30 * (6000 / images) ** 0.5), 5), 100)
    line = f"{INPUTS.get(folder.name, '3x64x64')} {BLOCKS} fc{classes}"
    return ["--line", line, "--epochs", epochs, *PLAIN]


def train(program, folder, way, seed):
    """Trains a network and returns the result as a dictionary."""
    flags = plain(folder) if way == "plain" else []
    with tempfile.TemporaryDirectory() as temporary:
        out = pathlib.Path(temporary) / "run"
        command = [program, "train", "--data", folder, "--seed", seed, "--threads", 1, "--out", out, "--quiet", *flags]
        begun = time.monotonic()
        subprocess.run(list(map(str, command)), check=True, capture_output=True)
        seconds = time.monotonic() - begun
        metrics = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
        command = [program, "eval", out / "model.nin", "--data", folder, "--json"]
        test = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    start, epochs = metrics[0], [line for line in metrics if "epoch" in line]
    answers = [sum(column) for column in zip(*test["confusion"])]
    return {
        "set": folder.name,
        "way": way,
        "seed": seed,
        "accuracy": test["accuracy"],
        "classes": len(answers),
        "never_answered": answers.count(0),
        "training_images": start["training_images"] + start["validation_images"],
        "test_images": start["test_images"],
        "epochs": len(epochs),
        "line": start["line"],
        "seconds": round(seconds, 1),
    }


def run(arguments):
    """Trains the networks that are not yet among the results."""
    results = pathlib.Path(arguments.results)
    lines = results.read_text().splitlines() if results.exists() else []
    done = {(line["set"], line["way"], line["seed"]) for line in map(json.loads, lines)}
    folders = sorted(path.parent for path in pathlib.Path(arguments.sets).glob("*/train"))
    ways = [arguments.only] if arguments.only else ["plain", "default"]
    jobs = [(f, w, s) for s in range(1, arguments.seeds + 1) for f in folders for w in ways]
    jobs = [(folder, way, seed) for folder, way, seed in jobs if (folder.name, way, seed) not in done]
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool, results.open("a", encoding="utf-8") as file:
        for future in concurrent.futures.as_completed([pool.submit(train, arguments.program, *job) for job in jobs]):
            file.write(json.dumps(future.result()) + "\n")
            file.flush()


def table(arguments):
    """Prints the results as Markdown."""
    with open(arguments.results, encoding="utf-8") as file:
        results = [json.loads(line) for line in file]
    print("| set | classes | images: training, test | way | test accuracy | lowest | runs that lose a class |")
    print("| --- | --: | --: | --- | --: | --: | --: |")
    for name in sorted({result["set"] for result in results}):
        for way in ["plain", "default"]:
            own = [result for result in results if (result["set"], result["way"]) == (name, way)]
            if not own:
                continue
            percent = [100 * result["accuracy"] for result in own]
            spread = statistics.stdev(percent) if len(percent) > 1 else 0
            lost = sum(result["never_answered"] > 0 for result in own)
            images = f"{own[0]['training_images']}, {own[0]['test_images']}"
            accuracy = f"{statistics.mean(percent):.1f} ± {spread:.1f} %"
            print(
                f"| {name} | {own[0]['classes']} | {images} | {way} | {accuracy} | {min(percent):.1f} % "
                f"| {lost} of {len(own)} |"
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    runs = commands.add_parser("run", help="train")
    runs.add_argument("sets", help="the folder of the sets")
    runs.add_argument("results", help="the file of results")
    runs.add_argument("--seeds", type=int, default=5, help="seeds 1 to SEEDS [5]")
    runs.add_argument("--only", choices=["plain", "default"], help="only this way [both]")
    runs.add_argument("--program", default=PROGRAM, help="nin-train [target/release/nin-train]")
    runs.add_argument("--jobs", type=int, default=2, help="runs at a time, each with one thread [2]")
    runs.set_defaults(do=run)
    shown = commands.add_parser("table", help="print the results")
    shown.add_argument("results", help="the file of results")
    shown.set_defaults(do=table)
    arguments = parser.parse_args()
    arguments.do(arguments)


if __name__ == "__main__":
    main()
