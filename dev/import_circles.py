#!/usr/bin/env python3
"""Lists the circles in which files of a crate import each other, and fails if there is one.

    dev/import_circles.py [CRATE ...]        # folders with a `src` [the crates of the workspace with several folders]

A file imports another if it names one of its items: with `use`, or in a path that begins with `crate`, `super`, `self`
or an imported module. A re-exported item counts for the file that defines it, an item that a macro defines for the file
of the module in which it is named. Methods and fields are not considered. These do not count as imports: `mod x;`, a
re-export (`pub use`) that the file itself does not use, anything under `#[cfg(test)]`, and, without `--strict`, items
of the modules that contain the file (`x/mod.rs` contains `x/y.rs`).
"""

import argparse
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CRATES = ["nin-core", "nin-train", "nin-embedded", "tests"]

# Text that is not code: comments, strings and characters (but not lifetimes).
BLANK = re.compile(
    r"""//[^\n]*|/\*.*?\*/|b?r(?P<hashes>\#*)".*?"(?P=hashes)|[bc]?"(?:\\.|[^"\\])*"|b?'(?:\\[^']*|[^'\\])'""", re.S
)
TEST = re.compile(r"#\[cfg\((?:test|all\(test\b[^\]]*)\)\]")
ITEM = re.compile(
    r"\b(?:(?:fn|struct|enum|trait|type|union)\s+(?P<item>\w+)|(?:const|static)\s+(?:mut\s+)?(?P<value>\w+)\s*:"
    r"|macro_rules!\s*(?P<macro>\w+)|mod\s+(?P<mod>\w+)\s*(?P<open>[;{]))"
)
USE = re.compile(r"(?P<reexport>\bpub\s*(?:\([^)]*\)\s*)?)?\buse\s+(?P<tree>[^;]+);")
PATH = re.compile(r"(?<![\w:.])\w+(?:\s*::\s*[A-Za-z_]\w*)+")
EXPORTED = re.compile(r"#\[macro_export[^\]]*\]\s*(?:#\[[^\]]*\]\s*)*macro_rules!\s*(\w+)")


class Module:
    """A module: its file, items, imports and submodules."""

    def __init__(self, file, parent, folder):
        self.file, self.parent, self.folder = file, parent, folder
        self.root = parent.root if parent else self
        self.modules, self.items, self.uses, self.globs, self.code = {}, {}, {}, [], ""

    def everything(self):
        yield self
        for module in self.modules.values():
            yield from module.everything()


def closing(text, at):
    """Returns the position of the bracket that closes the one at `at`."""
    depth = 0
    for place in range(at, len(text)):
        depth += (text[place] in "{([") - (text[place] in "})]")
        if depth == 0:
            return place
    sys.exit(f"import_circles.py: a bracket is not closed: {text[at:at + 60]!r}")


def without_tests(text):
    """Returns the source without the items under `#[cfg(test)]`."""
    while match := TEST.search(text):
        at = match.end()
        while text[at] not in "{;":
            at = closing(text, at) + 1 if text[at] in "([" else at + 1
        end = closing(text, at) if text[at] == "{" else at
        text = text[:match.start()] + text[end + 1:]
    return text


def leaves(tree, prefix=()):
    """Yields what a use tree imports: `(segments, name)`. The name of a glob is None, that of `as _` is `_`."""
    tree = tree.strip()
    head, brace, rest = tree.partition("{")
    prefix = (*prefix, *filter(None, (part.strip() for part in head.split("::")))) if brace else prefix
    if brace:
        depth, begin, inside = 0, 0, rest[:rest.rindex("}")] + ","
        for place, letter in enumerate(inside):
            depth += (letter == "{") - (letter == "}")
            if letter == "," and depth == 0:
                if inside[begin:place].strip():
                    yield from leaves(inside[begin:place], prefix)
                begin = place + 1
        return
    path, _, alias = tree.partition(" as ")
    segments = (*prefix, *(part.strip() for part in path.split("::") if part.strip()))
    if segments[-1] == "self":
        segments = segments[:-1]
    if segments[-1] == "*":
        yield segments[:-1], None
    else:
        yield segments, alias.strip() or segments[-1]


def read(module, text):
    """Fills a module and its submodules from the source."""
    kept, at = [], 0
    depth = 0
    for match in list(re.finditer(r"[{}]|" + ITEM.pattern, text)):
        if match.start() < at:
            continue
        if match[0] in "{}":
            depth += 1 if match[0] == "{" else -1
        elif depth == 0 and match["mod"]:
            name = match["mod"]
            if match["open"] == "{":
                end = closing(text, match.end() - 1)
                child = module.modules[name] = Module(module.file, module, module.folder / name)
                read(child, text[match.end():end])
            else:
                end = match.end() - 1
                declared(module, name, text[:match.start()])
            kept.append(text[at:match.start()])
            at = end + 1
        elif depth == 0:
            name = match["item"] or match["value"] or match["macro"]
            module.items[name] = module.file
    code = "".join(kept) + text[at:]
    for name in EXPORTED.findall(code):
        module.root.items[name] = module.file
    for match in USE.finditer(code):
        for segments, name in leaves(match["tree"]):
            if name is None:
                module.globs.append((segments, bool(match["reexport"])))
            else:
                module.uses.setdefault(name, []).append((segments, bool(match["reexport"])))
    module.code = USE.sub(";", code)


def declared(module, name, before):
    """Reads the file of `mod name;`."""
    attributes = re.search(r'((?:#\[[^\]]*\]\s*)*)(?:pub\s*(?:\([^)]*\)\s*)?)?$', before)[1]
    if "path" in attributes:
        # Generated code in another folder: its items count for the file that includes it.
        module.modules[name] = Module(module.file, module, module.folder / name)
        return
    for file, folder in ((module.folder / f"{name}.rs", module.folder / name), (module.folder / name / "mod.rs",) * 2):
        if file.is_file():
            child = module.modules[name] = Module(file, module, module.folder / name)
            return read(child, source(file))
    sys.exit(f"import_circles.py: {module.file}: no file for `mod {name}`")


def source(file):
    text = BLANK.sub(lambda match: '""' if match[0].endswith('"') else " ", file.read_text(encoding="utf-8"))
    return without_tests(text.replace("$crate", "crate"))


def resolve(module, segments, seen=frozenset(), inside=False):
    """Resolves a path in `module` to a Module, the file that defines its item, or None if it is outside the crate."""
    if not segments:
        return module
    if (module, segments, inside) in seen:
        return None
    seen |= {(module, segments, inside)}
    first, rest = segments[0], segments[1:]
    if not inside and first in ("crate", "self", "super"):
        start = {"crate": module.root, "self": module, "super": module.parent}[first]
        return resolve(start, rest, seen, inside=first != "super" or rest[:1] != ("super",)) if start else None
    if first in module.modules:
        return resolve(module.modules[first], rest, seen, inside=True)
    if first in module.items:
        return module.items[first]
    for path, _ in module.uses.get(first, []):
        if path != segments or inside:
            found = resolve(module, path, seen)
            if isinstance(found, Module):
                found = resolve(found, rest, seen, inside=True)
            if found:
                return found
    if first not in module.uses:
        for path, _ in module.globs:
            target = resolve(module, path, seen)
            if isinstance(target, Module):
                found = resolve(target, segments, seen, inside=True)
                if found and found != target.file:
                    return found
                if isinstance(found, Module) or first in target.items:
                    return found
    # Inside the crate, an unknown name can only be an item that a macro defines.
    return module.file if inside and first not in module.uses else None


def holders(module):
    """Returns the files of the modules that contain a module."""
    return {module.parent.file, *holders(module.parent)} if module.parent else set()


def imports(module):
    """Yields the files that a module imports, each with the path that names it."""
    paths = [tuple(re.split(r"\s*::\s*", match)) for match in PATH.findall(module.code)]
    for segments in paths:
        if found := resolve(module, segments):
            yield found.file if isinstance(found, Module) else found, "::".join(segments)
    heads = {segments[0] for segments in paths}
    for name, targets in module.uses.items():
        for segments, reexport in targets:
            if reexport and not re.search(rf"\b{re.escape(name)}\b", module.code):
                continue
            found = resolve(module, segments)
            # A module that is only the beginning of paths was counted with them.
            if isinstance(found, Module) and name not in heads:
                yield found.file, name
            elif isinstance(found, pathlib.Path):
                yield found, name
    for segments, reexport in module.globs:
        if not reexport and isinstance(found := resolve(module, segments), Module):
            yield found.file, "::".join(segments) + "::*"


def arrows(crate, strict):
    """Returns for each file of a crate the files that it imports, each with the names: `{file: {file: {name}}}`."""
    found = {}
    folder = crate / "src"
    for root in [folder / "lib.rs", folder / "main.rs", *sorted(folder.glob("bin/*.rs"))]:
        if root.is_file():
            module = Module(root, None, root.parent)
            read(module, source(root))
            for part in module.everything():
                targets = found.setdefault(part.file, {})
                for target, name in imports(part):
                    if target != part.file and (strict or target not in holders(part)):
                        targets.setdefault(target, set()).add(name)
    return found


def circles(graph):
    """Returns the strongly connected components of more than one file (Tarjan's algorithm)."""
    order, low, stack, components = {}, {}, [], []

    def visit(file):
        order[file] = low[file] = len(order)
        stack.append(file)
        for target in graph.get(file, ()):
            if target not in order:
                visit(target)
                low[file] = min(low[file], low[target])
            elif target in stack:
                low[file] = min(low[file], order[target])
        if low[file] == order[file]:
            component = stack[stack.index(file):]
            del stack[stack.index(file):]
            if len(component) > 1:
                components.append(sorted(component))

    for file in graph:
        if file not in order:
            visit(file)
    return components


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("crates", nargs="*", type=pathlib.Path, metavar="CRATE")
    parser.add_argument("--strict", action="store_true", help="also count imports from the modules that contain a file")
    arguments = parser.parse_args()
    count = files = 0
    for crate in arguments.crates or [ROOT / name for name in CRATES]:
        graph = arrows(crate.resolve(), arguments.strict)
        if not graph:
            sys.exit(f"import_circles.py: {crate} has no src/lib.rs or src/main.rs")
        files += len(graph)
        src = crate.resolve() / "src"
        for circle in circles(graph):
            count += 1
            print(f"{crate.name}: {len(circle)} files import each other in a circle")
            for file in circle:
                for target in sorted(set(circle) & set(graph[file])):
                    names = ", ".join(sorted(graph[file][target]))
                    print(f"    {file.relative_to(src)} -> {target.relative_to(src)}: {names}")
    if count:
        sys.exit(1)
    print(f"no circle in {files} files")


if __name__ == "__main__":
    main()
