#!/usr/bin/env python3
"""Compares the speed of this engine with onnxruntime's: one image at a time on one thread, in f32 and in 8 bits.

    pip install numpy onnxruntime
    dev/compare_onnxruntime.py [--networks fashion,d2l] [--seconds 2] [--rounds 5] [--isa vnni,avx2] [--fma]

Both run the same network: a model file packed by sixteen, with weights computed by a formula, and the ONNX file that
`nin-train export --onnx` makes of it (8 bits in QDQ form). Each round runs every engine once, in a new process, so that
load and throttling affect all of them alike. A round measures the mean processor time of an image. The table has the
least and the median of the rounds, and the ratio of onnxruntime's time to each: above 1, this engine is faster. With
--fma it also measures this engine with fused multiply-add.

In 8 bits, on a processor without VNNI, onnxruntime's sums of two products saturate at 16 bits. That is fast, but wrong
where weights are large. "exact" is onnxruntime with `session.x64quantprecision`, which avoids it; this engine is always
exact.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = ROOT / "target" / "compare-onnxruntime"
RELEASE = ROOT / "target" / "release"
# Programs are run from here, so cargo must build them here.
BUILD = {**os.environ, "CARGO_TARGET_DIR": str(ROOT / "target")}


def onnxruntime_time(file, seconds, exact):
    """Measures onnxruntime on one image and prints the result as JSON. Runs in a separate process."""
    import numpy
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if exact:
        options.add_session_config_entry("session.x64quantprecision", "1")
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    shape = [1, *entry.shape[1:]]
    image = (numpy.arange(numpy.prod(shape)) * 7919 % 256).astype(numpy.uint8).reshape(shape)
    session.run(None, {entry.name: image})
    images, begun, processor = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - begun < seconds:
        session.run(None, {entry.name: image})
        images += 1
    print(json.dumps({"mean_cpu": (time.process_time() - processor) / images}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", default="fashion,d2l", help="presets or lines, separated by commas or semicolons")
    parser.add_argument("--seconds", type=float, default=2, help="time of each engine in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--isa", default="", help="further instruction sets of this engine, named as in NIN_ISA")
    parser.add_argument("--fma", action="store_true", help="also measure this engine with fused multiply-add, in f32")
    parser.add_argument("--onnxruntime", metavar="FILE", help=argparse.SUPPRESS)
    parser.add_argument("--exact", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.onnxruntime:
        return onnxruntime_time(args.onnxruntime, args.seconds, args.exact)
    try:
        import numpy, onnxruntime  # noqa: F401
    except ImportError as error:
        sys.exit(f"compare_onnxruntime.py: {error}: pip install numpy onnxruntime")

    build = lambda *words: subprocess.run(
        ["cargo", "build", "-q", "--release", "--locked", *words], cwd=ROOT, env=BUILD, check=True
    )
    build("-p", "nin-train", "--bin", "nin-train", "--example", "infer")
    build("-p", "nin-tests", "--bin", "formula-model")
    WORK.mkdir(parents=True, exist_ok=True)
    networks = args.networks.split(";") if ";" in args.networks or ":" in args.networks else args.networks.split(",")
    for number, network in enumerate(networks):
        for weights in ["f32", "int8"]:
            model, onnx = WORK / f"{number}-{weights}.nin", WORK / f"{number}-{weights}.onnx"
            subprocess.run([RELEASE / "formula-model", network, weights, "16", model], check=True)
            export = [RELEASE / "nin-train", "export", model, "--onnx", onnx]
            subprocess.run(export, check=True, stdout=subprocess.DEVNULL)
            ours, seconds = [RELEASE / "examples" / "infer", model], str(args.seconds)
            engines = {"ours": ([*ours, seconds], {})}
            for isa in filter(None, args.isa.split(",")):
                engines[f"ours, {isa}"] = ([*ours, seconds], {"NIN_ISA": isa})
            if args.fma and weights == "f32":
                engines["ours, fma"] = ([*ours, seconds, "fused"], {})
            theirs = [sys.executable, __file__, "--seconds", seconds, "--onnxruntime", onnx]
            engines["onnxruntime"] = (theirs, {})
            if weights == "int8":
                engines["onnxruntime, exact"] = ([*theirs, "--exact"], {})
            runs = {name: [] for name in engines}
            for _ in range(args.rounds):
                for name, (command, env) in engines.items():
                    command = list(map(str, command))
                    done = subprocess.run(command, env={**os.environ, **env}, check=True, capture_output=True, text=True)
                    runs[name].append(json.loads(done.stdout.splitlines()[-1]))
            means = {name: [run["mean_cpu"] for run in all_runs] for name, all_runs in runs.items()}
            print(f"\n{network}, {weights}: one image, one thread, {args.rounds} rounds of {seconds} s")
            print(f"{'':20}{'least':>12}{'ratio':>8}{'median':>12}{'ratio':>8}")
            for name in engines:
                print(f"{name:20}", end="")
                for figure in [min, statistics.median]:
                    own, theirs = figure(means[name]), figure(means["onnxruntime"])
                    print(f"{1e3 * own:9.3f} ms{theirs / own:7.2f}x", end="")
                print(flush=True)


if __name__ == "__main__":
    main()
