#!/usr/bin/env bash
# deaths.sh [SEEDS [FLAGS OF TRAIN...]]: why networks die. Trains `fashion` for three epochs by the book's recipe, plain
# SGD at a constant rate, from seeds 1 to SEEDS (10): with and without a ReLU on the logits, from Xavier's and from He's
# initialisation, at two learning rates. (An average of logits is the logits of an average: without a ReLU, a last 1×1
# layer and a fully connected one after `gap` are the same.) Prints a table in Markdown, a row when its runs are done;
# flags change all rows.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/.."
seeds=${1:-10}
[ $# -gt 0 ] && shift

blocks='1x28x28 nin5+2:32,32,32 max3/2 nin3+1:48,48,48 max3/2 nin3+1:64,64,64'
echo '| logits | initialisation | learning rate | lived | answer every class | test accuracy of those that lived |'
echo '| --- | --- | --: | --: | --: | --: |'
for rate in 0.1 0.4; do
    for init in xavier-book he; do
        for head in 'nin3+1:10,10,10 gap' 'nin3+1:10,10 gap fc10'; do
            # What seeds.sh says at the end: how many of how many lived, and so on.
            last=$(scripts/seeds.sh "$seeds" --line "$blocks $head" --epochs 3 --optimizer sgd --momentum 0 \
                --weight-decay 0 --schedule constant --init "$init" --lr "$rate" "$@" | tail -n 1)
            case $head in *fc10) logits='no ReLU' ;; *) logits=ReLU ;; esac
            case $init in he) name=He ;; *) name=Xavier ;; esac
            awk -v "start=| $logits | $name | $rate |" '{
                accuracy = /: / ? $0 : "–"
                sub(/.*: /, "", accuracy)
                sub(/ \(mean and standard deviation\)/, "", accuracy)
                print start, $1 " of " $3 " |", $7, "|", accuracy, "|"
            }' <<<"$last"
        done
    done
done
