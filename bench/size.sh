#!/usr/bin/env bash
# Trains on a table larger than the memory that the program may take, and compares with training in memory and, if a
# PYTHON with xgboost, vowpalwabbit and scikit-learn is given, with these.
# usage: bench/size.sh PROGRAM FOLDER [ROWS] [EPOCHS] [PYTHON]
# Writes about 190 bytes a row twice into FOLDER, and as much again as caches; prints a line a step.
set -euo pipefail
program=$(realpath "$1") folder=$2 rows=${3:-5000000} epochs=${4:-3} python=${5:-}
peers=$(realpath "$(dirname "$0")")/size_peers.py
mkdir -p "$folder"
cd "$folder"

# 20 numbers and a class. The same seed gives the same rows.
table() {
    seq -f 'x%g' -s, 0 19 | sed 's/$/,y/'
    awk -v rows="$rows" 'BEGIN {
        srand(7)
        for (i = 0; i < rows; i++) {
            line = ""
            for (j = 0; j < 20; j++) { x[j] = 2 * rand() - 1; line = line sprintf("%.6f,", x[j]) }
            z = 3 * x[0] - 2 * x[1] + 4 * x[2] * x[3] + sin(5 * x[4])
            print line (rand() < 1 / (1 + exp(-z)) ? 1 : 0)
        }
    }'
}
# Seconds, seconds of CPU and the most memory of a command, as the operating system measures it, against the cap if there is one.
measured() {
    local name=$1 most=$2
    shift 2
    if ! /usr/bin/time -f '%e %U %S %M' -o time.txt "$@" > out.txt 2> err.txt; then
        printf '%-34s failed: %s\n' "$name" "$(tail -n 2 err.txt)"
        return 0
    fi
    awk -v name="$name" -v most="$most" '{
        held = most == 0 ? "" : ($4 * 1024 <= most ? "  under the cap" : "  OVER THE CAP")
        printf "%-34s %8.1f s  %8.1f s of CPU  %8.1f MiB at most%s\n", name, $1, $2 + $3, $4 / 1024, held
    }' time.txt
}
last() { grep -o "\"$2\":[0-9.e+-]*" "$1/log.jsonl" | tail -n 1 | cut -d: -f2; }
loss() { grep '"event":"end"' "$1/log.jsonl" | grep -o '"train":{"loss":[0-9.e-]*' | cut -d: -f3; }
# The tensors of a model, behind its header.
tensors() { tail -c "+$((9 + $(od -An -N8 -tu8 "$1/model.safetensors")))" "$1/model.safetensors" | cksum | cut -d' ' -f1; }

[ -f mixed.csv ] || { table > mixed.tmp && mv mixed.tmp mixed.csv; }
[ -f sorted.csv ] || { { head -n 1 mixed.csv; grep ',0$' mixed.csv; grep ',1$' mixed.csv; } > sorted.tmp && mv sorted.tmp sorted.csv; }
stat -c %s mixed.csv | awk '{ printf "%-34s %8.0f MB\n", "table", $1 / 1e6 }'
how="--target y --hidden 32 --batch-size 1000 --epochs $epochs --no-validation --test-fraction 0 --no-report --quiet"

rm -rf by-* size.cache
"$program" convert mixed.csv size.cache > /dev/null 2>&1
bytes=$(stat -c %s size.cache)
cap=$((bytes / 10 + (64 << 20)))
rm size.cache
awk -v bytes="$bytes" -v cap="$cap" 'BEGIN { printf "%-34s %8.0f MB, cap %.1f MiB\n", "cache", bytes / 1e6, cap / 1048576 }'

measured "convert" $cap "$program" convert mixed.csv size.cache --memory $cap
measured "train from the cache" $cap "$program" train size.cache $how --memory $cap --out by-cache
measured "the same, direct reads" $cap "$program" train size.cache $how --memory $cap --direct-reads --out by-direct
measured "the same, 256 hidden, direct reads" $cap "$program" train size.cache $how --hidden 256 --epochs 1 --memory $cap --direct-reads --out by-wide
measured "ingest and train" $cap "$program" train mixed.csv $how --memory $cap --out by-csv
measured "ingest and train, sorted by label" $cap "$program" train sorted.csv $how --memory $cap --out by-sorted
measured "predict" $cap "$program" predict by-cache mixed.csv --output by-predictions.csv
measured "evaluate" 0 "$program" evaluate by-cache mixed.csv
measured "in memory, from the config" 0 "$program" train --config by-csv/config.toml --no-report --quiet --out by-memory
for seed in 0 1 2; do
    measured "in memory, seed $seed" 0 "$program" train mixed.csv $how --seed $seed --out "by-seed-$seed"
done

echo
printf '%-12s %-12s %-12s %10s %12s %10s\n' run loss tensors 's/epoch' 'waiting, s' share
for run in by-cache by-direct by-wide by-csv by-sorted by-memory by-seed-0 by-seed-1 by-seed-2; do
    [ -f $run/model.safetensors ] || continue
    waiting=$(last $run seconds_waiting)
    seconds=$(grep '"event":"epoch"' $run/log.jsonl | tail -n 1 | grep -o '"seconds":[0-9.e-]*' | cut -d: -f2)
    awk -v run=$run -v loss="$(loss $run)" -v tensors="$(tensors $run)" -v s="$seconds" -v w="${waiting:-0}" \
        'BEGIN { printf "%-12s %-12.6f %-12s %10.2f %12.2f %8.1f %%\n", run, loss, tensors, s, w, 100 * w / s }'
done
# What reading the rows once takes: 20 numbers and a class, past the page cache.
dd if=size.cache of=/dev/null bs=1M iflag=direct 2>&1 | tail -n 1 | sed 's/^/the device: /'

if [ -n "$python" ]; then
    echo
    for peer in sgd xgboost vw vw-nn; do
        measured "$peer" 0 "$python" "$peers" $peer mixed.csv "$epochs"
        cat out.txt
    done
fi
