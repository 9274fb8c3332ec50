"""Makes the small binary files beside it: python make.py (numpy 2, pandas 3, pyarrow 26, Pillow 13)."""

import datetime as dt
import decimal
import io
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
from PIL import Image

HERE = Path(__file__).parent

small = pa.table({"a": pa.array([1.5, None, -2.0]), "b": pa.array(["x", "y", "x"]).dictionary_encode()})
pa.parquet.write_table(small, HERE / "small.parquet", compression="snappy")
pa.feather.write_feather(small, HERE / "small.arrow", compression="lz4")

time = dt.datetime(2024, 1, 31, 12, 30, 15)
types = {
    "int8": pa.array([1, None, -3], pa.int8()),
    "uint32": pa.array([4294967295, 0, None], pa.uint32()),
    "int64": pa.array([9007199254740993, -1, None], pa.int64()),
    "small": pa.array([9007199254740992, -1, None], pa.int64()),
    "uint64": pa.array([18446744073709551615, 2, None], pa.uint64()),
    "half": pa.array([np.float16(0.5), None, np.float16(-2)], pa.float16()),
    "float": pa.array([0.5, float("nan"), None], pa.float32()),
    "double": pa.array([0.1, None, 1e300], pa.float64()),
    "truth": pa.array([True, None, False]),
    "text": pa.array(["007", None, ""]),
    "large": pa.array(["é", None, "NA"], pa.large_string()),
    "binary": pa.array([b"raw", None, b"bytes"]),
    "bytes": pa.array([b"\xff\x00", None, b"a"]),
    "category": pa.array(["b", None, "a"]).dictionary_encode(),
    "numbers": pa.array([2.5, None, 2.5]).dictionary_encode(),
    "date": pa.array([dt.date(2024, 1, 31), None, dt.date(1969, 12, 31)]),
    "second": pa.array([time, None, time], pa.timestamp("s")),
    "nano": pa.array([time, None, time], pa.timestamp("ns", "UTC")),
    "time": pa.array([dt.time(1, 2, 3), None, dt.time(0)], pa.time64("us")),
    "duration": pa.array([dt.timedelta(seconds=90), None, dt.timedelta()], pa.duration("ms")),
    "decimal": pa.array([decimal.Decimal("12.34"), None, decimal.Decimal("-0.50")], pa.decimal128(10, 2)),
    "wide": pa.array([decimal.Decimal("12345678901234567890.12"), None, None], pa.decimal128(30, 2)),
    "null": pa.nulls(3),
    "list": pa.array([[1.0, 2.0], None, [3.0, None]], pa.list_(pa.float32())),
    "fixed": pa.array([[1, 2], [3, 4], [5, 6]], pa.list_(pa.uint8(), 2)),
    "struct": pa.array([{"x": 1, "y": "p"}, None, {"x": 3, "y": None}]),
    "map": pa.array([[("k", 1)], None, []], pa.map_(pa.string(), pa.int64())),
    "__index_level_0__": pa.array([7, 8, 9]),
}
table = pa.table(types)
without = table.drop_columns(["duration"])  # Parquet has none
pa.parquet.write_table(without, HERE / "types.parquet", compression="zstd", row_group_size=2)
pa.feather.write_feather(table, HERE / "types.arrow", compression="zstd", chunksize=2)
with pa.ipc.new_stream(HERE / "types.stream", table.schema) as stream:
    stream.write_table(table, max_chunksize=2)

pixels = np.zeros((8, 16, 3), np.uint8)
pixels[..., 0] = np.arange(16) * 16
pixels[..., 1] = (np.arange(8) * 32)[:, None]
pixels[..., 2] = 100
image = io.BytesIO()
Image.fromarray(pixels).save(image, "JPEG", quality=90, subsampling=0)
(HERE / "gradient.jpg").write_bytes(image.getvalue())
(HERE / "gradient.rgb").write_bytes(np.asarray(Image.open(image)).tobytes())
print(sys.version, np.__version__, pa.__version__)
