"""The rows of trials as files that others read: CSV and Parquet, with the same columns."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from harness.report.data.rows import COLUMNS, Row, Value

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""How a cell begins that a spreadsheet takes for a formula. Texts of a run may be a stranger's, and
a formula can read other cells and send them away; an apostrophe before it makes it text again."""


def as_csv(rows: Sequence[Row]) -> str:
    """Rows as CSV, after a line of headings; lines end in a line feed.

    Missing values are empty, truth values `true` and `false`, numbers as exact as they are known.
    A text that a spreadsheet would compute begins with an apostrophe, here but not in Parquet.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in COLUMNS])
    writer.writerows([[_cell(value) for value in row] for row in rows])
    return text.getvalue()


def as_parquet(rows: Sequence[Row]) -> bytes:
    """Rows as a Parquet file: texts, 64-bit integers and floats, and truth values, or null."""
    import pyarrow as pa  # slow to import, and wanted by no other command
    from pyarrow import parquet

    kinds: dict[type, Any] = {
        str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_(),
    }  # fmt: skip
    schema = pa.schema([(column.name, kinds[column.kind]) for column in COLUMNS])
    values = [
        pa.array([row[at] for row in rows], type=kinds[column.kind])
        for at, column in enumerate(COLUMNS)
    ]
    file = io.BytesIO()
    parquet.write_table(pa.Table.from_arrays(values, schema=schema), file)
    return file.getvalue()


def _cell(value: Value) -> Value:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
