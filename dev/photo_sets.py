#!/usr/bin/env python3
"""Makes five sets of pictures for nin-train from packages of public registries.

    dev/photo_sets.py FOLDER [SET ...]

Each set is a folder with train/CLASS/*.png and test/CLASS/*.png. If possible, the test pictures come from another
source than the training pictures:

    pair        animals against food: emoji of three vendors, tested on those of a fourth
    emoji       six kinds of emoji, the same four vendors
    digits      handwritten digits of 8x8 pixels, tested on the last fifth, which is by other writers
    wallpapers  crops of ten wallpapers, tested on a part of each that no training crop overlaps
    icons       six kinds of icons from five themes, tested on those of a sixth; the classes differ in size

The emoji are the npm packages emoji-datasource-*, the digits are scikit-learn's, the others are Debian packages. The
script downloads about 400 MB with npm and apt-get into FOLDER/downloads and installs nothing. It needs npm, apt-get,
dpkg-deb, tar and the Python packages numpy, pillow and scikit-learn. The pictures keep the licences of their packages.
"""

import argparse
import json
import random
import shutil
import subprocess
from pathlib import Path

VENDORS = ["apple", "google", "twitter", "facebook"]
EMOJI = "16.0.0"
# For each kind of emoji, the beginnings of the names of its sub-categories.
KINDS = {
    "animals": ["animal-"],
    "faces": ["face-", "cat-face", "monkey-face"],
    "flags": ["country-flag"],
    "food": ["food-", "drink", "dishware"],
    "people": ["person-role", "person-activity"],
    "vehicles": ["transport-air", "transport-ground", "transport-water"],
}
# The greatest number of emoji of a kind and a vendor in `pair` and in `emoji`.
PAIR, EACH = 70, 30

WALLPAPERS = [
    "nature/Aqua.jpg", "nature/Blinds.jpg", "nature/Dune.jpg", "nature/Garden.jpg", "nature/LadyBird.jpg",
    "nature/RainDrops.jpg", "nature/Storm.jpg", "nature/Wood.jpg", "nature/YellowFlower.jpg", "abstract/Elephants.jpg",
]  # fmt: skip

THEMES = {
    "tango-icon-theme": "Tango",
    "gnome-icon-theme": "gnome",
    "elementary-xfce-icon-theme": "elementary-xfce",
    "moka-icon-theme": "Moka",
    "faenza-icon-theme": "Faenza",
    "oxygen-icon-theme": "oxygen/base",
}
TESTED = "oxygen-icon-theme"
# For each kind of icon, the folder in a theme and the beginning of the icon's name.
ICONS = {
    "arrows": ("actions", "go-"),
    "devices": ("devices", ""),
    "documents": ("mimetypes", ""),
    "faces": ("emotes", "face-"),
    "folders": ("places", "folder"),
    "weather": ("status", "weather-"),
}


def npm(downloads, name, patterns):
    """Unpacks the files of an npm package that match these patterns; returns its folder."""
    folder = downloads / name
    if not folder.exists():
        archive = downloads / f"{name}-{EMOJI}.tgz"
        if not archive.exists():
            subprocess.run(["npm", "pack", "--silent", f"{name}@{EMOJI}"], cwd=downloads, check=True)
        folder.mkdir()
        wanted = [f"package/{pattern}" for pattern in patterns]
        unpack = ["tar", "xzf", archive, "-C", folder, "--strip-components=1", "--wildcards"]
        subprocess.run([*unpack, *wanted], check=True)
    return folder


def debian(downloads, name):
    """Unpacks a Debian package; returns its folder."""
    folder = downloads / name
    if not folder.exists():
        if not list(downloads.glob(f"{name}_*.deb")):
            subprocess.run(["apt-get", "download", "-q", name], cwd=downloads, check=True)
        subprocess.run(["dpkg-deb", "-x", next(downloads.glob(f"{name}_*.deb")), folder], check=True)
    return folder


def emoji(out, downloads, kinds, most):
    """Copies at most `most` emoji of each kind and vendor; those of the last vendor are the test pictures."""
    for vendor in VENDORS:
        package = npm(downloads, f"emoji-datasource-{vendor}", ["emoji.json", f"img/{vendor}/64/*.png"])
        entries = json.loads((package / "emoji.json").read_text())
        # Only emoji that all vendors have.
        entries = [entry for entry in entries if all(entry[f"has_img_{vendor}"] for vendor in VENDORS)]
        for kind in kinds:
            own = [entry for entry in entries if entry["subcategory"].startswith(tuple(KINDS[kind]))]
            own = random.Random(kind).sample(own, min(len(own), most))
            folder = out / ("test" if vendor == VENDORS[-1] else "train") / kind
            folder.mkdir(parents=True, exist_ok=True)
            for entry in own:
                shutil.copy(package / "img" / vendor / "64" / entry["image"], folder / f"{vendor}-{entry['image']}")


def digits(out, downloads):
    """Writes scikit-learn's digits; its images are in the order of their writers."""
    import numpy
    from PIL import Image
    from sklearn.datasets import load_digits

    data = load_digits()
    for i, (image, label) in enumerate(zip(data.images, data.target)):
        folder = out / ("train" if i < len(data.target) * 4 // 5 else "test") / str(label)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((image * 255 / 16).round().astype(numpy.uint8)).save(folder / f"{i}.png")


def wallpapers(out, downloads):
    """Crops squares of an eighth to a quarter of the height from wallpapers: from the left 60 % for training, from the
    right 35 % for the test."""
    from PIL import Image

    package = debian(downloads, "mate-backgrounds") / "usr/share/backgrounds/mate"
    for name in WALLPAPERS:
        image = Image.open(package / name).convert("RGB")
        width, height = image.size
        stream = random.Random(name)
        for split, count, left, right in [("train", 25, 0, 0.6 * width), ("test", 25, 0.65 * width, width)]:
            folder = out / split / Path(name).stem.lower()
            folder.mkdir(parents=True, exist_ok=True)
            for i in range(count):
                side = stream.randint(height // 8, height // 4)
                x, y = stream.randint(int(left), int(right) - side), stream.randint(0, height - side)
                image.resize((64, 64), Image.Resampling.LANCZOS, (x, y, x + side, y + side)).save(folder / f"{i}.png")


def icons(out, downloads):
    """Copies icons of 48x48 pixels, or of 32x32 if a theme has no others."""
    for package, theme in THEMES.items():
        root = debian(downloads, package) / "usr/share/icons" / theme
        for kind, (place, begin) in ICONS.items():
            ways = [f"48x48/{place}", f"{place}/48", f"32x32/{place}", f"{place}/32"]
            source = next((root / way for way in ways if (root / way).is_dir()), None)
            if source is None:
                continue
            folder = out / ("test" if package == TESTED else "train") / kind
            folder.mkdir(parents=True, exist_ok=True)
            seen = set()
            for path in sorted(source.glob(f"{begin}*.png")):
                # Many names are links to the same picture.
                if (content := path.read_bytes()) not in seen:
                    seen.add(content)
                    (folder / f"{package.split('-')[0]}-{path.name}").write_bytes(content)


SETS = {
    "pair": lambda out, downloads: emoji(out, downloads, ["animals", "food"], PAIR),
    "emoji": lambda out, downloads: emoji(out, downloads, list(KINDS), EACH),
    "digits": digits,
    "wallpapers": wallpapers,
    "icons": icons,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where to write the sets")
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"{', '.join(SETS)} [all]")
    arguments = parser.parse_args()
    if unknown := set(arguments.sets) - set(SETS):
        parser.error(f"there is no set {', '.join(sorted(unknown))}; sets are {', '.join(SETS)}")
    downloads = arguments.folder / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    for name in arguments.sets or SETS:
        out = arguments.folder / name
        shutil.rmtree(out, ignore_errors=True)
        SETS[name](out, downloads.resolve())
        for split in ["train", "test"]:
            counts = {path.name: len(list(path.iterdir())) for path in sorted((out / split).iterdir())}
            print(f"{name}/{split}: {sum(counts.values())} pictures:", ", ".join(f"{k} {n}" for k, n in counts.items()))


if __name__ == "__main__":
    main()
