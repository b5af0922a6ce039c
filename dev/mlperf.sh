#!/usr/bin/env bash
# mlperf.sh [record | check]: what MLPerf Tiny's networks take on an emulated Cortex-M4F, by its exact count of instructions.
# The key-word spotter and the image classifier are made by dev/mlperf_models.py: the same layers with random weights. The
# person detector is the published model if NIN_MLPERF names a folder with vww_96_int8.tflite, else it is left out. Each
# runs on a few images, and the emulator's logits must be those of this computer, bit for bit. `record` writes the result to
# docs/mlperf.md; `check` fails if a figure has grown by more than 2 %.
# Status 77: something that is needed is not installed; 2: there is no such action.
set -euo pipefail
cd "$(dirname "$0")/.."
action=${1:-print} record=docs/mlperf.md folder=target/mlperf board=mps2-an386
case $action in
print | record | check) ;;
*) echo "mlperf.sh: $action is neither record nor check" >&2 && exit 2 ;;
esac
python=${NIN_PYTHON:-python3}
"$python" -c 'import tensorflow' 2>/dev/null || { echo "mlperf.sh: tensorflow-cpu is not installed; NIN_PYTHON names a Python that has it" >&2 && exit 77; }
command -v qemu-system-arm >/dev/null || { echo "mlperf.sh: qemu-system-arm is not installed" >&2 && exit 77; }
if [ "$action" = record ] && [ -z "${NIN_MLPERF:-}" ]; then
    echo "mlperf.sh: to record, NIN_MLPERF must name the folder of the published person detector" >&2 && exit 2
fi

mkdir -p "$folder"
[ -f "$folder/resnet-8.tflite" ] || "$python" dev/mlperf_models.py "$folder" 2>"$folder/log" || { cat "$folder/log" >&2 && exit 1; }
# name, tflite-micro's arena, instructions, instructions per multiply-accumulate, code: see the text below.
networks=('key words, DS-CNN|ds-cnn|22,820|7,225,880|2.72|53 KB' 'images, ResNet-8|resnet-8|54,996|28,504,600|2.28|50 KB')
if [ -n "${NIN_MLPERF:-}" ]; then
    cp "$NIN_MLPERF/vww_96_int8.tflite" "$folder/person.tflite"
    networks+=('person, MobileNetV1 0.25|person|100,708|22,609,000|3.02|53 KB')
fi

scripts/firmware.sh $board bench >/dev/null 2>&1
scripts/firmware.sh $board partition-affine >/dev/null 2>&1
# Bytes of code of the whole program, of the engine, and of what reads the model file, as scripts/bench.sh divides them.
read -r code engine reading < <({ readelf --sections --wide target/firmware/$board/partition-affine | sed -E -n 's/^ *\[ *[0-9]+\] \.text /section /p'
    nm --demangle --print-size target/firmware/$board/partition-affine; } | awk '
        function hex(digits,   value, i) {
            for (i = 1; i <= length(digits); i++) value = value * 16 + index("0123456789abcdef", substr(digits, i, 1)) - 1
            return value
        }
        $1 == "section" { code = hex($5); next }
        $3 !~ /^[tTwW]$/ || seen[$1]++ { next }
        { text = $0; sub(/^[^ ]+ [^ ]+ . /, "", text) }
        text ~ /fmt/ { next }
        text ~ /^[<&]*nin_core::(flow|kernel|format|network)|^nin_int8_/ { engine += hex($2); next }
        text ~ /^[<&]*nin_core::|^[<&]*crc::/ { reading += hex($2) }
        END { print code, engine, reading }')
rows=() details=()
for network in "${networks[@]}"; do
    IFS='|' read -r title name arena theirs ratio size <<<"$network"
    cargo run --quiet --package nin-train -- import "$folder/$name.tflite" --out "$folder/$name.nin" >/dev/null
    export NIN_BOARD=$board
    for counter in 7 1000000007; do
        words=("models=$folder/$name.nin" "formula=$counter" count=2)
        here=$(cargo run --quiet --package nin-embedded --bin partition-affine -- "${words[@]}" | grep logits)
        there=$(scripts/run.sh target/firmware/$board/partition-affine "${words[@]}" | grep logits)
        [ "$here" = "$there" ] || { echo "mlperf.sh: $name: the emulator's logits are not this computer's" >&2 && exit 1; }
    done
    output=$(scripts/run.sh target/firmware/$board/bench "models=$folder/$name.nin")
    row=$(awk -v "title=$title" -v "theirs=$theirs, $ratio | $arena | $size" '
        $1 == "total" { macs = $2; instructions = $3; ratio = $4 }
        $1 == "state:" { state = $2 }
        $1 == "stack:" { stack = $2 }
        END { print "| " title " | " macs " | " instructions " | " ratio " | " state " | " stack " | " theirs " |" }' <<<"$output")
    rows+=("$row")
    details+=("$output")
    echo "$row" >&2
done

header='| network | MACs | instructions | per MAC | state, bytes | stack, bytes | tflite-micro: instructions, per MAC | arena, bytes | code |
| --- | --: | --: | --: | --: | --: | --: | --: | --: |'
case $action in
print) printf '%s\n' "$header" "${rows[@]}" ;;
record)
    {
        echo '# MLPerf Tiny on a microcontroller'
        echo
        echo 'Written by `dev/mlperf.sh record`. Networks of MLPerf Tiny that TensorFlow Lite quantised, imported with `nin-train import`,'
        echo 'on an emulated Cortex-M4F that counts instructions exactly. The person detector is the published model. The other two'
        echo 'are the same architectures with random weights (`dev/mlperf_models.py`), which changes neither instructions nor memory.'
        echo
        echo '- MACs are multiply-accumulates, including those of padding.'
        echo '- State is the whole working memory of the network. Stack is the peak of the benchmark firmware, including printing.'
        echo "- The code of the firmware \`partition-affine\`, optimised for speed, is $code bytes: $engine of the engine with every kernel,"
        echo "  $reading to read and check a model file, and the rest for images, printing and arithmetic."
        echo '- tflite-micro is measured with CMSIS-NN in its best exact build, on the published models and the same emulated core.'
        echo '  It computes the same bytes. Its arena is the working memory that it needs; its code is that of the linked program.'
        echo
        printf '%s\n' "$header" "${rows[@]}"
        echo
        echo '## Layer by layer'
        echo
        echo 'The work of the last fully connected layer is in `rest` or in the layer before.'
        printf '\n```text\n%s\n```\n' "${details[@]}"
    } >"$record"
    ;;
check)
    printf '%s\n' "${rows[@]}" | awk -F ' *[|] *' '
        FNR == NR && NF == 11 { for (i = 4; i <= 7; i++) was[$2, i] = $i; next }
        FNR != NR {
            if (!(($2, 4) in was)) { print $2 ": not in the record"; bad = 1; next }
            for (i = 4; i <= 7; i++) if (i != 5 && $i > was[$2, i] * 1.02) { print $2 ": " $i ", the record has " was[$2, i]; bad = 1 }
        }
        END { exit bad }' "$record" -
    echo "no figure has grown by more than 2 %"
    ;;
esac
