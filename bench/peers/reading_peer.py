"""Reads a file when asked: polars for CSV, pyarrow for Parquet.

    reading_peer.py polars|pyarrow FILE        speaks the line protocol of `protocol.py`; the loss is the number of rows
    reading_peer.py write FILE.csv OUT.parquet

Polars and pyarrow use all processors that the process may use.
"""

import sys

import protocol


def main():
    task, path = sys.argv[1:3]
    if task == "write":
        import pyarrow.csv
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.csv.read_csv(path), sys.argv[3])
    elif task == "polars":
        import polars

        protocol.serve(lambda: polars.read_csv(path).height)
    else:
        import pyarrow.parquet

        protocol.serve(lambda: pyarrow.parquet.read_table(path).num_rows)


main()
