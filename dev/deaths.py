#!/usr/bin/env python3
"""Why do networks die? Trains `fashion` by the book's recipe with three last blocks, two initialisations and two rates.

    dev/deaths.py [SEEDS [FLAGS OF TRAIN...]]

The recipe is plain SGD at a constant rate. The default is 6 SEEDS and the flags `--epochs 3`. The last blocks are one
as wide as the number of classes, with a ReLU on the logits; the same without this ReLU; and a wide one. (A 1×1 layer
without a ReLU commutes with the average, so the second network is the first without the last ReLU.) Prints a table in
Markdown, a row as soon as its runs have ended.
"""

import runs
import seeds

BLOCKS = "1x28x28 nin5+2:32,32,32 max3/2 nin3+1:48,48,48 max3/2 nin3+1:64,64,64"
LAST_BLOCKS = ["nin3+1:10,10,10 gap", "nin3+1:10,10 gap fc10", "nin3+1:64,64 gap fc10"]
INITIALISATIONS = {"xavier-book": "Xavier", "he": "He"}
RATES = ["0.1", "0.4"]
RECIPE = "--optimizer sgd --momentum 0 --weight-decay 0 --schedule constant".split()


def main():
    count, flags = runs.arguments(__doc__, ["--epochs", "3"], 6)
    print("| last block | initialisation | learning rate | died | diverged | answer one class | answer every class"
          " | test accuracy |")
    print("| --- | --- | --: | --: | --: | --: | --: | --: |", flush=True)
    for rate in RATES:
        for init, name in INITIALISATIONS.items():
            for last in LAST_BLOCKS:
                line = ["--line", f"{BLOCKS} {last}"]
                total = seeds.summary(seeds.train(count, [*line, *RECIPE, "--init", init, "--lr", rate, *flags]))
                print(f"| `{last}` | {name} | {rate} | {total['died']} | {total['diverged']} | {total['one_class']} | "
                      f"{total['every_class']} | {total['accuracy'] or '–'} |", flush=True)


if __name__ == "__main__":
    main()
