#!/usr/bin/env bash
# Kills runs from disk at random moments, KILLS of the ingest and as many of the training, goes on with each, and compares
# the bits; and runs in memory, from a cache and on 1, 2 and 5 threads. A kill that falls outside is tried again.
# usage: bench/kills.sh PROGRAM FOLDER [ROWS] [KILLS] [dense|sparse] [EPOCHS]
set -euo pipefail
program=$(realpath "$1") folder=$2 rows=${3:-100000} kills=${4:-20} kind=${5:-dense} epochs=${6:-60}
rm -rf "$folder"
mkdir -p "$folder"
cd "$folder"
RANDOM=11

# 20 numbers, some missing, and a class.
dense() {
    seq -f 'x%g' -s, 0 19 | sed 's/$/,y/'
    awk -v rows="$rows" 'BEGIN {
        srand(3)
        for (i = 0; i < rows; i++) {
            line = ""
            for (j = 0; j < 20; j++) { x[j] = 2 * rand() - 1; line = line (rand() < 0.01 ? "" : sprintf("%.6f", x[j])) "," }
            print line (x[0] + x[1] * x[2] + 0.3 * rand() > 0.1 ? "yes" : "no")
        }
    }'
}
# 39 of 39,000 columns, as libsvm writes them.
sparse() {
    awk -v rows="$rows" 'BEGIN {
        srand(3)
        for (i = 0; i < rows; i++) {
            line = ""; z = 0
            for (j = 0; j < 39; j++) {
                k = int(1000 * rand() * rand()); z += sin(k + j); line = line " " j * 1000 + k ":" (k % 5 ? 1 : 0.5)
            }
            print (z + 2 * rand() > 1 ? "+1" : "-1") line
        }
    }'
}
small="--memory 40M" one="--threads 1" rest="--epochs $epochs --patience $epochs --batch-size 500 --no-report --quiet"
case $kind in
    dense) data=t.csv cached="" how="--target y --hidden 32 $rest" ;;
    sparse) data=t.svm cached=--sparse how="--sparse $rest" ;;
esac
$kind > $data
tensors() { tail -c "+$((9 + $(od -An -N8 -tu8 "$1/model.safetensors")))" "$1/model.safetensors" | sha256sum | cut -c1-16; }
now() { date +%s%N; }
# A random number of milliseconds from the first to the second.
moment() { echo $(($1 + RANDOM * RANDOM % ($2 - $1 + 1))); }
# Epochs that the run in a folder has done; none before its training begins.
done_of() { [ -f "$1/log.jsonl" ] && grep -c '"event":"epoch"' "$1/log.jsonl" || true; }
wait_ms() { sleep "$(awk -v ms="$1" 'BEGIN { print ms / 1000 }')"; }

# When the training of a run begins and when its last epoch is over, in milliseconds after its start.
begun=$(now)
"$program" train $data $how $small $one --out whole 2> err.txt &
child=$!
until [ -f whole/log.jsonl ]; do sleep 0.005; done
ingested=$((($(now) - begun) / 1000000))
until [ "$(done_of whole)" = "$epochs" ]; do sleep 0.005; done
trained=$((($(now) - begun) / 1000000))
wait $child
expected=$(tensors whole)
echo "a run from disk: $ingested ms to the first update, $trained ms to the end of epoch $epochs, tensors $expected"
same=0 all=0
compare() {
    all=$((all + 1))
    if [ "$2" = "$expected" ]; then same=$((same + 1)); else echo "DIFFERENT: $1: $2"; fi
}
"$program" train --config whole/config.toml --no-report --quiet $one --out memory
compare "in memory" "$(tensors memory)"
"$program" convert $data t.cache $cached $small > /dev/null 2>&1
cache=$(sha256sum < t.cache)
"$program" train t.cache $how $small $one --out cached
compare "from a cache" "$(tensors cached)"
for threads in 1 2 5; do
    "$program" train $data $how $small --threads $threads --out "threads-$threads"
    compare "$threads threads" "$(tensors "threads-$threads")"
done
echo "in memory, from a cache, 1, 2 and 5 threads: $same of $all the same"

# Starts a run, and kills it so many milliseconds after it has done so many epochs; none: after its start.
killed() {
    rm -rf killed
    "$program" train $data $how $small $one --out killed 2> err.txt &
    child=$!
    if [ -n "$2" ]; then
        until [ "0$(done_of killed)" -ge "$2" ] || ! kill -0 $child 2> /dev/null; do sleep 0.002; done
    fi
    wait_ms "$1"
    kill -9 $child 2> /dev/null || true
    wait $child 2> /dev/null || true
}
for phase in ingest training; do
    same=0 all=0 during="" outside=0
    while [ "$all" -lt "$kills" ] && [ "$outside" -lt $((5 * kills)) ]; do
        case $phase in
            ingest) killed "$(moment 0 "$ingested")" "" ;;
            training) killed "$(moment 0 $(((trained - ingested) / epochs)))" $((RANDOM % epochs)) ;;
        esac
        at=$(done_of killed)
        case $phase:$at in
            ingest:) ;;
            ingest:* | training: | training:"$epochs") outside=$((outside + 1)) && continue ;;
            *) during="$during $at" ;;
        esac
        "$program" train $data $how $small $one --out killed --resume
        compare "killed in $phase" "$(tensors killed)"
        [ -z "$(ls -A killed | grep -E 'tmp|spill|rows|^cache$')" ] || echo "LEFT: $(ls -A killed)"
    done
    echo "runs killed in $phase and gone on with: $same of $all the same; epochs done:${during:- none}; outside, tried again: $outside"
done

begun=$(now)
"$program" convert $data other.cache $cached $small > /dev/null 2>&1
whole=$((($(now) - begun) / 1000000))
same=0 all=0 expected=$cache
for k in $(seq "$kills"); do
    rm -f t.cache
    ms=$(moment 0 "$whole")
    "$program" convert $data t.cache $cached $small > /dev/null 2>&1 &
    child=$!
    wait_ms "$ms"
    kill -9 $child 2> /dev/null || true
    wait $child 2> /dev/null || true
    [ ! -f t.cache ] || [ "$(sha256sum < t.cache)" = "$cache" ] || echo "NOT WHOLE after $ms ms"
    "$program" convert $data t.cache $cached $small > /dev/null 2>&1
    compare "killed after $ms ms" "$(sha256sum < t.cache)"
    [ -z "$(ls -A | grep -E 'tmp|spill')" ] || echo "LEFT: $(ls -A)"
done
echo "conversions killed within $whole ms and repeated: $same of $all the same"
