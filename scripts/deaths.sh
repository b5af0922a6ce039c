#!/usr/bin/env bash
# deaths.sh [SEEDS [FLAGS OF TRAIN...]]: why networks die. Trains `fashion` by the book's recipe, plain SGD at a constant
# rate, from seeds 1 to SEEDS (6), for three epochs unless the flags say otherwise: with its last block, which is as wide
# as there are classes and has a ReLU on the logits; without that ReLU; and with a wide last block. (A 1×1 layer without
# a ReLU and an average can change places: the second network is the first but for the ReLU.) Each from two
# initialisations and at two rates. Prints a table in Markdown, a row when its runs are done.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/.."
seeds=${1:-6}
[ $# -gt 0 ] && shift
flags=("$@")
[ ${#flags[@]} -gt 0 ] || flags=(--epochs 3)

blocks='1x28x28 nin5+2:32,32,32 max3/2 nin3+1:48,48,48 max3/2 nin3+1:64,64,64'
echo '| last block | initialisation | learning rate | died | diverged | answer one class | answer every class | test accuracy |'
echo '| --- | --- | --: | --: | --: | --: | --: | --: |'
for rate in 0.1 0.4; do
    for init in xavier-book he; do
        for last in 'nin3+1:10,10,10 gap' 'nin3+1:10,10 gap fc10' 'nin3+1:64,64 gap fc10'; do
            # "7 of 8 runs lived (1 died, 0 diverged); 5 answer every class, 2 always the same: …"; mean and spread, if any.
            scripts/seeds.sh "$seeds" --line "$blocks $last" --optimizer sgd --momentum 0 --weight-decay 0 \
                --schedule constant --init "$init" --lr "$rate" "${flags[@]}" |
                awk -v "row=| \`$last\` | $([ "$init" = he ] && echo He || echo Xavier) | $rate |" '
                    / runs lived / {
                        counts = substr($6, 2) " | " $8 " | " $14 " | " $10 " | "
                        if (!sub(/.*: /, "")) $0 = "–"
                        sub(/ \(mean and standard deviation\)/, "")
                        print row, counts $0 " |"
                    }'
        done
    done
done
