"""Makes the corpora that fuzzing begins with: python make_corpus.py (numpy 2, pyarrow 26, Pillow 13)."""

import bz2
import gzip
import io
import lzma
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
from PIL import Image

CORPUS = Path(__file__).parent / "corpus"


def save(target, **files):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())


def to_bytes(write):
    output = io.BytesIO()
    write(output)
    return output.getvalue()


table = b"a,b,c\n1,x,yes\n2.5,?,no\n-3e4,z,yes\n"
save("csv", plain=table, quotes='a;b\n"1,5";"x ""y""\nz"\n2,5;-\n', crlf=b"a\tb\r\n1\t2\r\n\r\n3\t\r\n",
     long="1 2 3\n" * 30, odd="a,b\n1,\"2\n", codes="id,zip\n12345678901234567890,00123\n1,2\n")
save("jsonl", plain='{"a": 1, "b": "x"}\n{"b": null, "c": true}\n', nested='{"a": {"b": [1, 2.5]}}\n{"a": {"b": [3, null]}}\n',
     array='[{"a": 1e400},\n{"a": 9007199254740993}]', odd='{"a": [1]}\n{"a": 2}\n', columns='{"a": [1], "b": [2]}')
head = "@relation t\n@attribute 'a b' real\n@attribute b {x,'y z'}\n@attribute c string\n@data\n"
save("arff", plain=head + "1,x,'it\\'s'\n?,'y z',?\n", sparse=head + "{0 1, 1 'y z'}\n{}\n", odd=head + "1,x\n",
     weight=head + "1,x,y,{2}\n")
save("libsvm", plain="+1 1:0.5 3:1 # c\n-1 3:-2\n", qid="2 qid:1 0:1\n1 qid:2 5:1e300\n", bare="1:2\n3:4 5:6\n",
     odd="1 2:3 2:4\n", huge="1 18446744073709551615:1\n")
save("npy", small=to_bytes(lambda f: np.save(f, np.arange(6, dtype="f4").reshape(3, 2, order="F"))),
     text=to_bytes(lambda f: np.save(f, np.array(["a", "bc"]))), half=to_bytes(lambda f: np.save(f, np.zeros(3, ">f2"))))
arrays = {"x_train": np.eye(3), "y_train": np.arange(3), "x_test": np.eye(3)[:1], "y_test": np.arange(1)}
save("npz", stored=to_bytes(lambda f: np.savez(f, **arrays)), deflated=to_bytes(lambda f: np.savez_compressed(f, **arrays)))
save("idx", images=bytes([0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2]) + bytes(12), labels=bytes([0, 0, 13, 1, 0, 0, 0, 1, 63, 128, 0, 0]))
columns = pa.table({
    "a": [1.5, None, -2.0], "b": pa.array(["x", "y", None]).dictionary_encode(), "c": [[1, 2], [3, 4], None],
    "d": pa.array([1, 2, None], pa.date32()), "e": [{"x": 1}, None, {"x": 2}], "f": [2**60 + 1, None, 5],
})
for compression in ["none", "snappy", "zstd"]:
    save("parquet", **{compression: to_bytes(lambda f: pa.parquet.write_table(columns, f, compression=compression, row_group_size=2))})
for compression in ["uncompressed", "lz4", "zstd"]:
    save("arrow", **{compression: to_bytes(lambda f: pa.feather.write_feather(columns, f, compression=compression, chunksize=2))})
gray = Image.fromarray(np.arange(12, dtype="u1").reshape(3, 4))
save("images", png=to_bytes(lambda f: gray.save(f, "PNG")), rgb=to_bytes(lambda f: gray.convert("RGB").save(f, "JPEG")),
     palette=to_bytes(lambda f: gray.convert("P").save(f, "PNG")), gray=to_bytes(lambda f: gray.save(f, "JPEG", progressive=True)))


def zipped(name, data):
    def write(f):
        with zipfile.ZipFile(f, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, data)
    return to_bytes(write)


save("any", gzip=gzip.compress(table, mtime=0), bzip2=bz2.compress(table), xz=lzma.compress(table), zip=zipped("t.csv", table),
     nested=zipped("t.csv.gz", gzip.compress(table, mtime=0)), excel=zipped("xl/workbook.xml", b"<?xml"),
     utf16=table.decode().encode("utf-16-le"), html="<!doctype html>", bomb=gzip.compress(b"\n" * 10**6, mtime=0))
