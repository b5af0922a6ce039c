#!/usr/bin/env bash
# check_demo.sh: writes demo pages, tests them in headless Chromium, and compares their logits with those of `nin-train
# predict --logits`. Installs the npm package playwright-core into target/demo. Screenshots are in target/demo/MODEL.
# Status 77: something that is needed is not installed.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=target/demo
for program in chromium node npm python3; do
    command -v $program >/dev/null || { echo "check_demo.sh: $program is not installed" >&2 && exit 77; }
done
mkdir -p $folder
[ -d $folder/node_modules/playwright-core ] ||
    npm install --prefix $folder --no-save --no-audit --no-fund --silent playwright-core@1.64 || exit 77
# Node looks for packages in the folder of the program.
cp dev/test_demo.mjs $folder/

nin_train() { cargo run -p nin-train --locked --quiet -- "$@"; }

# Pictures without symmetry: one in the network's shape, and one that must be cropped and reduced.
python3 - $folder/input.png $folder/large.png <<'PYTHON'
import struct, sys, zlib
def png(path, rows, columns, channels, level):
    lines = b"".join(b"\0" + bytes(level(y, x, c) for x in range(columns) for c in range(channels)) for y in range(rows))
    chunk = lambda name, data: struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    head = struct.pack(">IIBBBBB", columns, rows, 8, 0 if channels == 1 else 2, 0, 0, 0)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b""))
png(sys.argv[1], 28, 28, 1, lambda y, x, c: (x * x + 5 * y * x + 3 * y) % 256 if 4 < x < 22 and y > 6 else 0)
png(sys.argv[2], 150, 203, 3, lambda y, x, c: (2 * x + y * (c + 1) + (x * y) // 40) % 256)
PYTHON

for model in fashion-int8 fashion; do
    file=nin-embedded/models/$model.nin
    nin_train demo $file --dataset fashion-mnist-subset --offline --out $folder/$model.html
    # The size of the page without the model, which it contains in base64.
    python3 - $folder/$model.html $file <<'PYTHON'
import os, sys
own = os.path.getsize(sys.argv[1]) - 4 * os.path.getsize(sys.argv[2]) / 3
print(f"the page without the model: {own / 1e6:.2f} MB")
sys.exit(0 if own < 1e6 else "the page is too large")
PYTHON
    nin_train predict $file --logits $folder/input.png $folder/large.png >$folder/$model.jsonl
    node $folder/test_demo.mjs $folder/$model.html $folder/$model.jsonl $folder/$model $folder/input.png $folder/large.png
    # The pictures that the page saved: drawings and test images.
    python3 -c 'import json, sys; print("\n".join(one["file"] for one in json.load(open(sys.argv[1]))))' $folder/$model/saved.json |
        xargs cargo run -p nin-train --locked --quiet -- predict $file --logits >$folder/$model/saved.jsonl
    python3 - $folder/$model/saved.json $folder/$model/saved.jsonl <<'PYTHON'
import json, struct, sys
saved, predicted = json.load(open(sys.argv[1])), [json.loads(line)["logits"] for line in open(sys.argv[2])]
bits = lambda logits: [struct.pack(">f", logit).hex() for logit in logits]
wrong = [one["file"] for one, logits in zip(saved, predicted, strict=True) if one["logits"] != bits(logits)]
print(f"{len(saved) - len(wrong)} of {len(saved)} pictures of the page have the logits of nin-train predict, bit for bit")
sys.exit(1 if wrong else 0)
PYTHON
done
