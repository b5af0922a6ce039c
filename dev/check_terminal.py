#!/usr/bin/env python3
"""Checks what nin-train shows in a terminal: its progress bar fits the line and is gone after Ctrl-C.

    dev/check_terminal.py [PROGRAM]

Runs the program (default: target/debug/nin-train) in pseudo-terminals of several widths, types Ctrl-C while a progress
bar is on the screen, and looks at the screen afterwards. Also checks that output to files, with NO_COLOR and with
TERM=dumb has no control sequences that do not belong there. Needs Linux or macOS and nothing but Python.
"""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

ROWS = 50
BAR = "━╸─"
SUBSET = ["--dataset", "fashion-mnist-subset"]
LARGE = Path(__file__).resolve().parent.parent / "models/fashion-large.nin"
# A command, what is on the screen once its bar is, and its status after Ctrl-C.
COMMANDS = [
    (["train", *SUBSET, "--epochs", "90", "--line", "1x28x28 nin5+2:32,32 max3/2 nin3+1:10 gap"], r"epoch 1/90 ", 130),
    (["search", *SUBSET, "--flash", "16K", "--ram", "8K", "--epochs", "90"], r"1 of 9 |%", 130),
    (["eval", str(LARGE), *SUBSET, "--training"], r"images|%", 130),
]


class Screen:
    """A terminal that knows what the program prints: text, \\r, \\n, and the sequences to clear a line and to move."""

    def __init__(self, columns):
        self.columns, self.lines, self.x, self.y, self.widest = columns, [[]], 0, 0, 0

    def write(self, text):
        for sequence, character in re.findall(r"(\x1b\[[0-9;?]*[A-Za-z])|(.)", text, re.DOTALL):
            self.control(sequence) if sequence else self.character(character)

    def control(self, sequence):
        count = int(re.sub(r"\D", "", sequence) or 1)
        match sequence[-1]:
            case "K":
                self.lines[self.y] = []
            case "A":
                self.y = max(self.y - count, 0)
            case "B":
                self.y += count
            case "G":
                self.x = count - 1
            case "m" | "h" | "l":
                pass
            case _:
                raise ValueError(f"an unexpected sequence: {sequence!r}")
        self.grow()

    def character(self, character):
        match character:
            case "\r":
                self.x = 0
            case "\n":
                self.y += 1
            case _:
                if self.x == self.columns:
                    self.x, self.y = 0, self.y + 1
                    self.grow()
                line = self.lines[self.y]
                line.extend(" " * (self.x + 1 - len(line)))
                line[self.x] = character
                self.x += 1
        self.grow()

    def grow(self):
        self.lines.extend([] for _ in range(self.y + 1 - len(self.lines)))

    def text(self):
        return ["".join(line).rstrip() for line in self.lines]


def interrupted(program, arguments, columns, ready, folder, wait=0.7):
    """Types Ctrl-C `wait` seconds after `ready` is on a command's screen; returns the screen, a bar, and the status."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        # The child may start before its terminal has a size.
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
        os.environ["TERM"] = "xterm"
        # A CI machine sets it, and the bars that are checked here would be hidden.
        os.environ.pop("CI", None)
        os.execv(program, [str(program), *arguments])
    screen, output, shown = Screen(columns), "", None
    deadline = time.monotonic() + 120
    pending = b""
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.05)[0]:
            try:
                data = os.read(terminal, 65536)
            except OSError:
                break
            if not data:
                break
            pending += data
            # A character may be cut in two.
            text = pending.decode("utf-8", "ignore")
            pending = pending[len(text.encode()) :]
            output += text
            screen.write(text)
        bar = [line for line in screen.text() if re.search(ready, line) and any(c in line for c in BAR[:2])]
        bar = bar or [line for line in screen.text() if re.fullmatch(r"\d+ %", line)]
        if shown is None and bar:
            shown = time.monotonic() + wait
            first = bar[-1]
        if shown is not None and shown and time.monotonic() > shown:
            os.write(terminal, b"\x03")
            shown = 0
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.close(terminal)
    if shown != 0:
        sys.exit(f"{arguments}: no progress bar at {columns} columns: {output[-2000:]!r}")
    return screen.text(), first, status


def check_bars(program, folder):
    for number, (arguments, ready, expected) in enumerate(COMMANDS):
        for columns in (40, 60, 80, 100):
            out = [] if arguments[0] == "eval" else ["--out", f"{arguments[0]}-{columns}"]
            lines, bar, status = interrupted(program, arguments + out, columns, ready, folder)
            name = f"{arguments[0]} at {columns} columns"
            if status != expected:
                sys.exit(f"{name}: status {status}, not {expected}: {lines}")
            if len(bar) > columns - 4:
                sys.exit(f"{name}: the bar has {len(bar)} characters: {bar}")
            check_clean(name, lines)
            print(f"{name}: {bar!r} is gone after Ctrl-C")


def check_ends_of_epochs(program, folder):
    """Ctrl-C at any time of a short epoch, also while it is evaluated and saved, leaves nothing on the screen."""
    command = ["train", *SUBSET, "--epochs", "9999", "--line", "1x28x28 nin5/4:4 gap fc10", "--out"]
    for number in range(20):
        run = [*command, f"short-{number}"]
        lines, _, status = interrupted(program, run, 80, r"epoch \d+/9999 ", folder, number / 40)
        if status != 130:
            sys.exit(f"short epochs: status {status}, not 130: {lines[-5:]}")
        check_clean(f"Ctrl-C after {number / 40} seconds of short epochs", lines)
    print("short epochs: nothing is left on the screen after Ctrl-C at 20 times")


def check_clean(name, lines):
    # Tables have rules, which are longer than a bar.
    rest = [line for line in lines if "^C" in line or any(c in line for c in BAR[:2]) or re.fullmatch(r"\d+ %", line)]
    if rest:
        sys.exit(f"{name}: Ctrl-C leaves {rest} on the screen")


def check_streams(program, folder):
    """Output that is no terminal's, or of one without colours, has no control sequences."""
    run = [program, "train", *SUBSET, "--epochs", "1", "--line", "1x28x28 nin5/4:4 gap fc10", "--out"]
    plain = subprocess.run([*run, "piped"], cwd=folder, capture_output=True, check=True)
    environment = os.environ | {"CI": "true", "TERM": "dumb"}
    log = subprocess.run([*run, "log"], cwd=folder, capture_output=True, check=True, env=environment)
    for name, output in [("piped", plain), ("CI=true TERM=dumb", log)]:
        if b"\x1b" in output.stdout + output.stderr or b"\r" in output.stdout + output.stderr:
            sys.exit(f"{name}: control characters in {output.stdout!r} {output.stderr!r}")
        print(f"{name}: no control characters in {len(output.stdout)} bytes")
    for variable, value, sequence in [("NO_COLOR", "1", r"\x1b\[[0-9;]*[1-9][0-9;]*m"), ("TERM", "dumb", r"\x1b")]:
        text = in_terminal([*map(str, run), f"terminal-{variable}"], folder, {variable: value})
        text += in_terminal([str(program), "--help"], folder, {variable: value})
        if found := re.search(sequence, text):
            sys.exit(f"{variable}={value}: {found.group()!r} in {text!r}")
        print(f"{variable}={value}: nothing in the terminal that does not belong there")


def in_terminal(command, folder, variables):
    """Returns what a command prints to a terminal of 80 columns."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.environ.update({"TERM": "xterm"} | variables)
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, 80, 0, 0))
        os.execv(command[0], command)
    output = b""
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            break
        if not data:
            break
        output += data
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.close(terminal)
    if status != 0:
        sys.exit(f"{command}: status {status}: {output!r}")
    return output.decode()


def main():
    program = Path(sys.argv[1] if len(sys.argv) > 1 else "target/debug/nin-train").resolve()
    with tempfile.TemporaryDirectory() as folder:
        check_streams(program, folder)
        check_bars(program, folder)
        check_ends_of_epochs(program, folder)


if __name__ == "__main__":
    main()
