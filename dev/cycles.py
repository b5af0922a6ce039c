#!/usr/bin/env python3
"""Estimates the cycles of each kernel's inner loop with LLVM's processor models.

    cycles.py [record]

The emulator counts instructions only. This script takes the inner loops from the linked firmware and runs llvm-mca on
them, for a Cortex-M4 and a Cortex-M7. The models leave out wait states, instruction fetch and taken branches, so the
figures are lower bounds. `record` writes the table to dev/cycles.md.
Exit status 77: a tool is not installed.
"""
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 1000

# Kernel, its description, the board for which it is built.
KERNELS = [
    ("nin_int8_4", "int8, DSP, 4 pixels × 2 outputs", "mps2-an386"),
    ("nin_int8_2", "int8, DSP, 2 pixels × 2 outputs", "mps2-an386"),
    ("nin_int8_1", "int8, DSP, 1 pixel × 2 outputs", "mps2-an386"),
    ("nin_int8_mla", "int8, MLA, 2 pixels × 3 outputs", "mps2-an386"),
    ("nin_f32_quads", "f32, 4 pixels × 4 outputs", "mps2-an386"),
    ("nin_f16_quads", "f16, 4 pixels × 4 outputs", "mps2-an386"),
]
# Multiply-accumulates of an instruction.
MACS = {"smlad": 2, "mla": 1, "vmul.f32": 1}


def tool(name):
    """Returns the path of the newest installed version of a tool."""
    found = [path for folder in ("/usr/bin", "/usr/local/bin") for path in Path(folder).glob(f"{name}-*")]
    found = sorted((path for path in found if path.name[len(name) + 1:].isdigit()), key=lambda path: int(path.name.rsplit("-", 1)[1]))
    best = str(found[-1]) if found else shutil.which(name)
    if best is None:
        print(f"cycles.py: {name} is not installed", file=sys.stderr)
        sys.exit(77)
    return best


def run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode:
        print(done.stderr, file=sys.stderr, end="")
        sys.exit(done.returncode)
    return done.stdout


def loops(objdump, elf, kernel):
    """Returns the innermost loops of a kernel: lists of instructions, each `(name, text)`."""
    lines = run([objdump, "--disassemble", "--no-show-raw-insn", f"--disassemble-symbols={kernel}", elf]).splitlines()
    code = [match for match in (re.match(r"\s*([0-9a-f]+):\s+(\S+)\s*([^@<]*)", line) for line in lines) if match]
    code = [(int(match[1], 16), match[2], match[3].strip()) for match in code]
    places = {address: at for at, (address, _, _) in enumerate(code)}
    spans = []
    for at, (address, name, operands) in enumerate(code):
        target = re.match(r"b\w*(?:\.[nw])?$", name) and re.match(r"0x([0-9a-f]+)$", operands)
        if target and int(target[1], 16) in places and int(target[1], 16) < address:
            spans.append((places[int(target[1], 16)], at))
    inner = [span for span in spans if not any(other != span and span[0] <= other[0] and other[1] <= span[1] for other in spans)]
    body = lambda name, operands: (name, f"{name} top" if operands.startswith("0x") else f"{name} {operands}")
    return [[body(name, operands) for _, name, operands in code[first:last + 1]] for first, last in inner]


def macs(loop):
    return sum(MACS.get(name.removesuffix(".w"), 0) for name, _ in loop)


def cycles(mca, loop, processor):
    text = "\n".join(line for _, line in loop) + "\n"
    command = [mca, "-mtriple=thumbv7em-none-eabihf", f"-mcpu={processor}", f"-iterations={ROUNDS}"]
    report = run(command, input=".syntax unified\n.thumb\n" + text)
    return int(re.search(r"Total Cycles:\s+(\d+)", report)[1]) / ROUNDS


def main():
    if sys.argv[1:] not in ([], ["record"]):
        print("cycles.py: the only argument is `record`", file=sys.stderr)
        sys.exit(2)
    mca, objdump = tool("llvm-mca"), tool("llvm-objdump")
    elves = {}
    rows = [
        "| inner loop | kernel | MACs | instructions per MAC | cycles per MAC, Cortex-M4 | Cortex-M7 |",
        "| --- | --- | --: | --: | --: | --: |",
    ]
    for kernel, name, board in KERNELS:
        if board not in elves:
            elves[board] = run([str(ROOT / "scripts/firmware.sh"), board, "bench", "build"]).strip()
        loop = max(loops(objdump, ROOT / elves[board], kernel), key=macs, default=[])
        if not macs(loop):
            print(f"cycles.py: no loop with multiplications in {kernel}", file=sys.stderr)
            sys.exit(1)
        count = macs(loop)
        figures = [len(loop) / count] + [cycles(mca, loop, processor) / count for processor in ("cortex-m4", "cortex-m7")]
        rows.append(f"| {name} | `{kernel}` | {count} | " + " | ".join(f"{figure:.3f}" for figure in figures) + " |")
    table = "\n".join(rows)
    print(table)
    if sys.argv[1:] == ["record"]:
        version = re.search(r"LLVM version (\S+)", run([mca, "--version"]))[1]
        (ROOT / "dev/cycles.md").write_text(
            "# Cycles of the inner loops\n\n"
            "Written by `dev/cycles.py record`. The emulator counts instructions exactly but does not model cycles.\n"
            "This table has the cycles that the processor models of LLVM " + version + " (`llvm-mca`) give for the\n"
            "inner loop of each kernel, taken from the linked firmware. The models leave out flash wait states,\n"
            "instruction fetch and taken branches. Real figures are higher; they have not been measured on hardware\n"
            "yet. MACs are multiply-accumulates.\n\n"
            + table + "\n\n"
            "The loops are written for a core that issues one instruction per cycle, such as a Cortex-M4. By its\n"
            "manual, SMLAD, MLA, VMUL and VADD take one cycle there. A Cortex-M3 takes two for MLA, which its model\n"
            "ignores. A Cortex-M7 can issue two instructions per cycle, but adjacent instructions in these loops often\n"
            "depend on each other.\n\n"
            "[kernels.md](kernels.md) explains where the instructions of the float loops go.\n")


main()
