#!/usr/bin/env bash
# Trains on a table larger than the memory that the program may take, and compares with training in memory.
# usage: bench/size.sh PROGRAM FOLDER [ROWS] [EPOCHS]
# Writes about 190 bytes a row twice into FOLDER, and as much again as caches; prints a line a step.
set -euo pipefail
program=$1 folder=$2 rows=${3:-5000000} epochs=${4:-1}
mkdir -p "$folder"
cd "$folder"

# 20 numbers and a class; the rows of one class, or of all. The same seed gives the same rows.
table() {
    awk -v rows="$rows" -v only="$1" 'BEGIN {
        srand(7)
        for (i = 0; i < rows; i++) {
            line = ""
            for (j = 0; j < 20; j++) { x[j] = 2 * rand() - 1; line = line sprintf("%.6f,", x[j]) }
            z = 3 * x[0] - 2 * x[1] + 4 * x[2] * x[3] + sin(5 * x[4])
            y = rand() < 1 / (1 + exp(-z)) ? 1 : 0
            if (only < 0 || y == only) print line y
        }
    }'
}
header=$(seq -f 'x%g' -s, 0 19),y

# Seconds and the most memory of a command, as the operating system measures it.
measured() {
    local name=$1
    shift
    if ! /usr/bin/time -f '%e %M' -o time.txt "$@" > out.txt 2> err.txt; then
        tail -n 3 err.txt
        return 1
    fi
    awk -v name="$name" '{ printf "%-28s %8.1f s  %8.1f MiB at most\n", name, $1, $2 / 1024 }' time.txt
}
loss() { grep -o '"train_loss":[0-9.e-]*' "$1/log.jsonl" | tail -n 1; }

[ -f mixed.csv ] || { echo "$header"; table -1; } > mixed.csv
[ -f sorted.csv ] || { echo "$header"; table 0; table 1; } > sorted.csv
ls -l mixed.csv | awk '{ printf "%-28s %8.0f MB\n", "table", $5 / 1e6 }'
how="--target y --hidden 32 --batch-size 1000 --epochs $epochs --no-validation --test-fraction 0 --no-report --quiet"

rm -rf mixed.cache by-* runs
"$program" convert mixed.csv size.cache > /dev/null 2>&1
bytes=$(stat -c %s size.cache)
rm size.cache
cap=$((bytes / 10 + (64 << 20)))
awk -v bytes="$bytes" -v cap="$cap" 'BEGIN { printf "%-28s %8.0f MB, cap %.1f MiB\n", "cache", bytes / 1e6, cap / 1048576 }'

measured "convert, capped" "$program" convert mixed.csv mixed.cache --memory $cap
measured "train from the cache" "$program" train mixed.cache $how --memory $cap --out by-cache
measured "ingest and train" "$program" train mixed.csv $how --memory $cap --out by-csv
measured "ingest and train, sorted" "$program" train sorted.csv $how --memory $cap --out by-sorted
measured "in memory" "$program" train --config by-csv/config.toml --no-report --quiet --out by-memory
for seed in 0 1 2; do
    measured "in memory, seed $seed" "$program" train mixed.csv $how --seed $seed --out "by-seed-$seed"
done
for run in by-cache by-csv by-sorted by-memory by-seed-0 by-seed-1 by-seed-2; do
    printf '%-28s %s\n' "$run" "$(loss $run)"
done
# The tensors of a model, behind its header.
tensors() { tail -c "+$((9 + $(od -An -N8 -tu8 "$1/model.safetensors")))" "$1/model.safetensors" | cksum; }
for run in by-cache by-csv by-memory; do
    printf '%-28s tensors %s\n' "$run" "$(tensors $run)"
done
