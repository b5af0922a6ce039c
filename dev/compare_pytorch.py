#!/usr/bin/env python3
"""Compares the speed of a training step with PyTorch's on this machine.

    pip install torch            # the default index's package runs on a CPU
    dev/compare_pytorch.py [--networks fashion,d2l] [--batch 128] [--threads 2] [--seconds 6] [--rounds 3]
    dev/compare_pytorch.py --networks "1x28x28 nin3+1:32,16 max3/2 nin3+1:10 gap" --batch-norm 16

Each round runs every variant once, in a new process, so that load and throttling affect all of them alike. The table
has each variant's median and the ratio of this trainer's speed to it. Variants of PyTorch: as installed, with its
allocator tuned, the same with channels_last, and the same compiled (left out if it does not compile on this machine).
With --batch-norm N, both normalise before each ReLU: this trainer in groups of N images, PyTorch over the batch.
"""

import argparse
import json
import os
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Programs are run from here, so cargo must build them here.
BUILD = {**os.environ, "CARGO_TARGET_DIR": str(ROOT / "target")}
TUNED = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "17179869184", "MALLOC_ARENA_MAX": "1"}


def network(line, normalised=False):
    """Returns the torch module of an architecture line, and the shape of its input."""
    from torch import nn

    shape, *words = line.split()
    channels = int(shape.split("x")[0])
    layers, flat = [], False
    for n, word in enumerate(words):
        if m := re.fullmatch(r"nin(\d+)(?:/(\d+))?(?:\+(\d+))?:([\d,]+)", word):
            kernel, stride, padding = int(m[1]), int(m[2] or 1), int(m[3] or 0)
            for width in map(int, m[4].split(",")):
                layers.append(nn.Conv2d(channels, width, kernel, stride, padding, bias=not normalised))
                layers += [nn.BatchNorm2d(width)] if normalised else []
                layers.append(nn.ReLU())
                channels, kernel, stride, padding = width, 1, 1, 0
        elif m := re.fullmatch(r"(max|avg)(\d+)/(\d+)(?:\+(\d+))?", word):
            pool = nn.MaxPool2d if m[1] == "max" else nn.AvgPool2d
            layers.append(pool(int(m[2]), int(m[3]), int(m[4] or 0)))
        elif m := re.fullmatch(r"drop([\d.]+)", word):
            layers.append(nn.Dropout(float(m[1])))
        elif word == "gap":
            layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
            flat = True
        elif m := re.fullmatch(r"fc([\d,]+)", word):
            layers += [] if flat else [nn.Flatten()]
            flat = True
            widths = m[1].split(",")
            for i, width in enumerate(map(int, widths)):
                layers.append(nn.LazyLinear(width))
                if i + 1 < len(widths) or any(later.startswith("fc") for later in words[n + 1 :]):
                    layers += [nn.BatchNorm1d(width)] if normalised else []
                    layers.append(nn.ReLU())
        else:
            sys.exit(f"no torch module for `{word}`")
    return nn.Sequential(*layers), list(map(int, shape.split("x")))


def torch_step(line, variant, batch, threads, seconds, normalised):
    """Measures PyTorch's step and prints the result as JSON. Runs in a separate process."""
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    net, shape = network(line, normalised)
    x = torch.rand(batch, *shape)
    y = torch.arange(batch) % net(x).shape[1]
    if variant in ("channels_last", "compiled"):
        net, x = net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-6)
    loss = torch.nn.CrossEntropyLoss()
    model = torch.compile(net) if variant == "compiled" else net

    def step():
        optimizer.zero_grad()
        loss(model(x), y).backward()
        optimizer.step()

    step()
    steps, best, begun, processor = 0, float("inf"), time.perf_counter(), time.process_time()
    while time.perf_counter() - begun < seconds:
        start = time.perf_counter()
        step()
        best = min(best, time.perf_counter() - start)
        steps += 1
    elapsed, processor = time.perf_counter() - begun, time.process_time() - processor
    result = {
        "images_per_second": steps * batch / elapsed,
        "best": batch / best,
        "images_per_cpu_second": steps * batch / processor,
        # In KiB; on macOS in bytes.
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10),
    }
    print(json.dumps(result))


def why(done):
    """Returns why a process failed: the signal that killed it, the last line of its errors, or its status."""
    if done.returncode < 0:
        return f"killed by signal {-done.returncode}"
    lines = done.stderr.strip().splitlines()
    return lines[-1] if lines else f"status {done.returncode}"


def presets():
    source = (ROOT / "nin-core/src/presets.rs").read_text()
    return dict(re.findall(r'name: "([^"]+)",\s*line: "([^"]+)"', source))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", default="fashion,d2l", help="presets, separated by commas, or one line")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch-norm", type=int, default=0, metavar="IMAGES")
    parser.add_argument("--variants", default="as installed,tuned,channels_last,compiled")
    parser.add_argument("--torch", nargs=2, metavar=("LINE", "VARIANT"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.torch:
        return torch_step(*args.torch, args.batch, args.threads, args.seconds, args.batch_norm > 0)

    build = ["cargo", "build", "-q", "--release", "-p", "nin-train", "--example", "step"]
    subprocess.run(build, cwd=ROOT, env=BUILD, check=True)
    sizes = [str(args.batch), str(args.threads), str(args.seconds), str(args.batch_norm)]
    flags = ["--batch", sizes[0], "--threads", sizes[1], "--seconds", sizes[2], "--batch-norm", sizes[3]]
    lines = presets()
    for name in [args.networks] if " " in args.networks else args.networks.split(","):
        line = lines.get(name, name)
        results = {}
        for _ in range(args.rounds):
            for variant in ["ours", *args.variants.split(",")]:
                if variant == "ours":
                    command, env = [str(ROOT / "target/release/examples/step"), line, *sizes], {}
                else:
                    command = [sys.executable, __file__, *flags, "--torch", line, variant]
                    env = {} if variant == "as installed" else TUNED
                done = subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True)
                if done.returncode == 0:
                    results.setdefault(variant, []).append(json.loads(done.stdout.splitlines()[-1]))
                elif variant == "ours":
                    sys.exit(f"compare_pytorch.py: {name}: nin-train failed: {why(done)}")
                elif variant not in results:
                    results[variant] = []
                    print(f"{name}, {variant}: failed: {why(done)}")
        # nin-train measures its memory and processor time on Linux only; elsewhere they are 0 or missing.
        median = lambda variant, key: statistics.median(run[key] or float("nan") for run in results[variant])
        print(f"\n{name}, batch {args.batch}, {args.threads} threads, median of {args.rounds}")
        print(f"{'':16}{'images/s':>10}{'ours is':>9}{'best step':>11}{'per CPU s':>11}{'ours is':>9}{'peak MiB':>10}")
        for variant in (variant for variant, runs in results.items() if runs):
            speed, processor = median(variant, "images_per_second"), median(variant, "images_per_cpu_second")
            ratio = median("ours", "images_per_second") / speed
            processor_ratio = median("ours", "images_per_cpu_second") / processor
            best, memory = median(variant, "best"), median(variant, "peak_mib")
            print(
                f"{variant:16}{speed:10.1f}{ratio:8.2f}x{best:11.1f}{processor:11.1f}{processor_ratio:8.2f}x{memory:10.0f}"
            )


if __name__ == "__main__":
    main()
