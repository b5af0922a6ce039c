#!/usr/bin/env python3
"""Compares exported ONNX files in onnxruntime with this project's engines: f32, and 8-bit in QDQ form.

    scripts/check_onnx.py [--program target/release/nin-train] [FILE ...]

FILEs are networks with one or three input channels (model files, checkpoints). Without a FILE, it checks networks of
several kinds whose weights are computed by a formula. A FILE is calibrated with the images that it was trained on,
other networks with random pictures. The packages are installed into target/onnx-venv once.

Fails if a logit of a float network differs by more than 1e-5 of the largest logit, or a logit of an 8-bit network by
more than one quantisation step of the last activations. If a fully connected layer computes the logits from these
activations, a step of each of them is allowed, with random signs: two standard deviations of such a sum
(docs/pytorch-onnx.md explains the difference). If the logits are bytes themselves, a step of theirs is allowed in
addition. Status 77: the packages cannot be installed.
"""

import argparse
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
VENV = ROOT / "target" / "onnx-venv"
WORK = ROOT / "target" / "onnx-check"
PROGRAM = ROOT / "target" / "debug" / "nin-train"
# Programs are run from here, so cargo must build them here.
BUILD = {**os.environ, "CARGO_TARGET_DIR": str(ROOT / "target")}

NETWORKS = [
    "fashion",
    "1x30x23 nin3/2+1:12,16 avg3/2+1 nin3:16 max2/2+1 nin1:10 gap",
    "3x20x17 nin3:12,12 avg2/2 nin3+1:16 gap fc12,5",
    "3x15x18 nin3+1:8 max3/3 fc20 drop0.5 fc7",
    # With zero points: depthwise and grouped convolutions, shortcuts, other activations, odd windows.
    "ds-cnn",
    "resnet-8",
    "1x30x23 nin5x3/2x1+same:12id,16r6 dw3+1r6:12id,8 mean3x2/2+0,1 nin3+1g2:10id max3/2+1 gap fc5",
    "3x17x20 nin3+1:8 res(dw3+1:16,8id) proj(nin3/2+1:12 nin3+1:12id)r6 res(nin3+1:12id)id avg2/2 dw3/1x2+0,1:10id gap",
]


def need_packages():
    """Imports the packages, or restarts the script in a virtual environment that has them."""
    try:
        import numpy, onnx, onnxruntime  # noqa: F401
    except ImportError:
        python = VENV / "bin" / "python"
        if pathlib.Path(sys.prefix) == VENV:
            sys.exit("check_onnx.py: the packages in target/onnx-venv are broken: delete this folder and run again")
        if not python.exists():
            commands = [
                [sys.executable, "-m", "venv", VENV],
                [python, "-m", "pip", "install", "--quiet", "numpy", "onnx", "onnxruntime"],
            ]
            if any(subprocess.run(command).returncode != 0 for command in commands):
                # The next run tries again.
                shutil.rmtree(VENV, ignore_errors=True)
                print("check_onnx.py: onnxruntime cannot be installed", file=sys.stderr)
                sys.exit(77)
        os.execv(python, [python, *sys.argv])


def png(path, image):
    """Writes rows × columns × channels bytes as a picture."""
    rows, columns, channels = image.shape
    chunk = lambda kind, data: (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    )
    lines = b"".join(b"\0" + row.tobytes() for row in image)
    header = struct.pack(">IIBBBBB", columns, rows, 8, {1: 0, 3: 2}[channels], 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    path.write_bytes(data)


def pictures(folder, shape, count):
    """Writes random pictures with light and dark areas as a data set of two classes; returns their paths and bytes."""
    import numpy as np

    channels, rows, columns = shape
    random = np.random.default_rng(1)
    paths, images = [], []
    for n in range(count):
        coarse = random.integers(0, 256, (rows // 4 + 1, columns // 4 + 1, channels))
        smooth = coarse.repeat(4, 0).repeat(4, 1)[:rows, :columns]
        image = (smooth // 2 + random.integers(0, 128, smooth.shape)).astype(np.uint8)
        path = folder / "ab"[n % 2] / f"{n}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        png(path, image)
        paths.append(path)
        images.append(image.transpose(2, 0, 1))
    return paths, np.stack(images)


def initializers(proto):
    """The constants of a graph by name."""
    import onnx

    return {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}


def bound_of(proto):
    """The allowed difference of a logit of an 8-bit network."""
    import numpy as np

    constants = initializers(proto)
    makers = {name: node for node in proto.graph.node for name in node.output}
    step = lambda node: float(constants[node.input[1]])
    last = makers[makers["logits"].input[0]]
    last = makers[last.input[0]] if last.op_type == "Flatten" else last
    bound = 0
    if last.op_type == "DequantizeLinear":
        # The logits are bytes.
        bound = step(last)
        last = makers[makers[last.input[0]].input[0]]
    before = last
    while before.op_type != "DequantizeLinear":
        before = makers[before.input[0]]
    if last.op_type != "Gemm":
        return bound + step(before)
    widened = makers[last.input[1]]
    weights = constants[widened.input[0]].astype(float) * constants[widened.input[1]][:, None]
    # The norm of an output's weights is the standard deviation of a sum of inputs that are off by one.
    return bound + 2 * step(before) * np.linalg.norm(weights, axis=1).max()


def check(program, network, folder, formula):
    """Checks one network, with weights by `formula` or from a file; returns whether its logits agree."""
    import numpy as np
    import onnx
    import onnxruntime

    def run(*words):
        done = subprocess.run([program, *map(str, words)], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"check_onnx.py: {done.stderr.strip()}")
        return done.stdout

    folder.mkdir(parents=True, exist_ok=True)
    floats, integers, again = folder / "f32.onnx", folder / "int8.onnx", folder / "int8-again.onnx"
    model = folder / "int8.nin"
    run("export", network, "--onnx", floats)
    line = {entry.key: entry.value for entry in onnx.load(floats).metadata_props}["line"]
    shape = tuple(map(int, line.split()[0].split("x")))
    paths, images = pictures(folder / "pictures", shape, 40)
    data = ["--data", folder / "pictures", "--dataset", "folder"] if formula else []
    run("quantize", network, *data, "--onnx", integers, "--out", model, "--lanes", 16)

    run("export", model, "--onnx", again)

    right = True
    print(line)
    for what, file, ours in [("f32", floats, network), ("int8", integers, model), ("again", again, model)]:
        proto = onnx.load(file)
        onnx.checker.check_model(proto, full_check=True)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        # Without VNNI, onnxruntime's sums of two 8-bit products saturate at 16 bits unless it is told to be exact.
        options.add_session_config_entry("session.x64quantprecision", "1")
        session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        got = session.run(None, {"image": images})[0]
        lines = run("predict", ours, *paths, "--logits").splitlines()
        want = np.array([json.loads(line)["logits"] for line in lines])
        error, most = np.abs(got - want).max(), np.abs(want).max()
        if what == "f32":
            bound, unit = 1e-5 * most, most
        else:
            bound = unit = bound_of(proto)
        ok = most > 0 and error <= bound
        same = (got.argmax(1) == want.argmax(1)).mean()
        of = "of the largest logit" if what == "f32" else "of the bound"
        print(f"  {what:5} {error / unit:.2e} {of}, the same class on {same:.0%} of {len(paths)} images", "" if ok else "WRONG")
        right &= bool(ok)
    return right


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=PROGRAM, type=pathlib.Path)
    parser.add_argument("files", nargs="*", type=pathlib.Path, metavar="FILE")
    arguments = parser.parse_args()
    need_packages()
    if arguments.program == PROGRAM:
        subprocess.run(["cargo", "build", "-p", "nin-train"], cwd=ROOT, env=BUILD, check=True)
    networks = list(arguments.files)
    if not networks:
        subprocess.run(["cargo", "build", "-p", "nin-tests", "--bin", "formula-model"], cwd=ROOT, env=BUILD, check=True)
        WORK.mkdir(parents=True, exist_ok=True)
        for n, line in enumerate(NETWORKS):
            networks.append(WORK / f"{n}.nin")
            subprocess.run([ROOT / "target" / "debug" / "formula-model", line, "f32", networks[-1]], check=True)
    program, formula = arguments.program.resolve(), not arguments.files
    results = [check(program, file.resolve(), WORK / str(n), formula) for n, file in enumerate(networks)]
    if not all(results):
        sys.exit("check_onnx.py: logits differ")


if __name__ == "__main__":
    main()
