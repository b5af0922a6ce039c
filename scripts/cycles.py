#!/usr/bin/env python3
"""cycles.py [record]: a second opinion on the kernels: cycles, as LLVM's models of the processors have them.

The emulator counts instructions. This takes the inner loop of each kernel from the linked firmware and asks llvm-mca for
the cycles of one round on a Cortex-M4 and a Cortex-M7. The models know no wait states, no fetching and no branch that
is taken, so these are the least it can be. `record` writes the table to docs/cycles.md.
Status 77: something that is needed is not installed.
"""
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 1000

# Kernel, what it is for, board it is built for.
KERNELS = [
    ("nin_int8_4", "int8, DSP, 4 pixels × 2 outputs", "mps2-an386"),
    ("nin_int8_2", "int8, DSP, 2 pixels × 2 outputs", "mps2-an386"),
    ("nin_int8_1", "int8, DSP, 1 pixel × 2 outputs", "mps2-an386"),
    ("nin_int8_mla", "int8, MLA, 2 pixels × 3 outputs", "mps2-an386"),
    ("nin_f32_quads", "f32, 4 pixels × 4 outputs", "mps2-an386"),
    ("nin_f16_quads", "f16, 4 pixels × 4 outputs", "mps2-an386"),
]
# What no tool says: counted by hand.
FLOATS = """\
## What the float kernels could still save

Sixteen sums fill half of the registers, so a tile is four pixels by four outputs. Two inputs are 64 products and
additions (32 in a fused format), a load of eight inputs that lie side by side, and two of weights (one): 67 for 32
multiply-accumulates, 2.09 (34, 1.06). Around that, for each four outputs: four loads of biases, 35 instructions to put
sixteen ReLUs away, some ten to begin and to end. For each tile: 4.75 to lay an input of four pixels side by side, and
some 300 to say what is where. The maxima of the pools, which count for the layers before them, take 0.07 per
multiply-accumulate of `fashion`.

### Weights in f16

A weight is widened by an instruction of its own: VCVTB and VCVTT take one value each. It then serves the pixels of a
tile, so an instruction for four multiply-accumulates in a whole tile is the least: 0.25. A row of 28 pixels is seven
whole tiles; one of 13 is four for 13 pixels, 0.31; one of 6 is two, 0.33. By multiply-accumulates that is 0.29 for
`fashion`, less what columns over the edge leave out; the difference to f32 in docs/benchmark.md is 0.27. There is
nothing else left in it: loads are as many as for f32, and columns that only some pixels have are widened once for them.

Less than that takes more pixels to a weight. These are counted, not built; the state is what the tiles of the widest
block take, if a tile is no wider than its map:

| tile | widening, `fashion` | more state, of 18,520 bytes |
| --- | --: | --: |
| four pixels, as it is | 0.29 | |
| eight pixels × two outputs in registers | 0.15 | 1,024 bytes, 6 % |
| eight pixels, four by four, widened weights on the stack between them | 0.17 + 0.03 | 1,024 bytes, 6 % |
| sixteen pixels, the same | 0.11 + 0.03 | 2,944 bytes, 16 % |
| a row of 28 pixels, the same | 0.09 + 0.03 | 5,120 bytes, 28 % |

So 0.1 more than f32 is out of reach: rows of 13 and of 6 pixels have no more to share a weight. Eight by two takes a load
of inputs and one of weights for each input, 36 with two VCVT for 16 multiply-accumulates, 2.25 where four by four has
2.34: it would gain 0.09 in whole tiles, less where a row is no multiple of eight, for a kernel and a width of tiles of
its own. Weights on the stack take a store for two inputs, 768 bytes for 48 of them, and the sums of every four outputs
in and out for each 48: the 0.03. A shift of the bits in place of VCVT gives 2⁻¹¹² times the weight in three integer
instructions for two, and a multiplication to make up for it: more, not less.
"""
# Multiply-accumulates of an instruction.
MACS = {"smlad": 2, "mla": 1, "vmul.f32": 1}


def tool(name):
    """The newest of a tool's versions."""
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
    """The loops of a kernel that have none in them: lists of instructions, each `(name, text)`."""
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
        print("cycles.py: there is only `record`", file=sys.stderr)
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
        (ROOT / "docs/cycles.md").write_text(
            "# Cycles of the inner loops\n\n"
            "Written by `scripts/cycles.py record`. The emulator counts instructions exactly and knows no cycles; this is\n"
            "what the processor models of LLVM " + version + " (`llvm-mca`) say of the inner loop of each kernel, taken from the\n"
            "linked firmware. They leave out flash wait states, instruction fetch and taken branches:\n"
            "real figures are higher, and nobody has measured them on hardware yet.\n\n"
            + table + "\n\n"
            "The loops are written for a core that issues one instruction at a time, as a Cortex-M4 does; SMLAD, MLA, VMUL and\n"
            "VADD take one cycle there by its manual. On a Cortex-M3 MLA takes two, which its model does not say. A Cortex-M7\n"
            "could issue two at a time, but instructions beside one another here often need each other's results.\n\n"
            + FLOATS)


main()
