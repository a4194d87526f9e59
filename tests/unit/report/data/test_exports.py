import csv
import io

import pyarrow as pa
import pytest
from pyarrow import parquet

from harness.report.data.rows import COLUMNS, Row, as_csv, as_parquet
from tests.toys.labelling import rows_of
from tests.toys.runs import BASELINE, make_run, make_slice, make_study, make_trial, simulate

RUN = make_run(make_study(blocks=2))
ROWS = rows_of(RUN, simulate(RUN, {BASELINE: 500, "b/other": 600}, 1))
NAMES = [column.name for column in COLUMNS]
KINDS: dict[type, pa.DataType] = {
    str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_(),
}  # fmt: skip


def read_csv(rows: tuple[Row, ...]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(as_csv(rows), newline="")))


def read_parquet(rows: tuple[Row, ...]) -> pa.Table:
    return parquet.read_table(io.BytesIO(as_parquet(rows)))


def troubled(text: str) -> tuple[Row, ...]:
    """A row whose problem begins with a text."""
    return rows_of(RUN, [make_trial(slices=[make_slice()], problem=text)])


def test_parquet_holds_the_rows_as_they_are() -> None:
    table = read_parquet(ROWS)
    assert table.column_names == NAMES
    assert [tuple(row.values()) for row in table.to_pylist()] == list(ROWS)


def test_parquet_has_the_types_of_the_columns_even_without_rows() -> None:
    for rows in (ROWS, ()):
        schema = read_parquet(rows).schema
        assert [field.type for field in schema] == [KINDS[column.kind] for column in COLUMNS]


def test_csv_holds_the_same_rows_and_columns_in_the_same_order() -> None:
    read = read_csv(ROWS)
    assert list(read[0]) == NAMES
    assert len(read) == len(ROWS)
    for cells, row in zip(read, ROWS, strict=True):
        for column, value in zip(COLUMNS, row, strict=True):
            cell = cells[column.name]
            if value is None:
                assert cell == ""
            elif column.kind is bool:
                assert cell == ("true" if value else "false")
            else:
                assert column.kind(cell) == value


def test_csv_without_rows_is_a_line_of_headings() -> None:
    assert as_csv(()) == ",".join(NAMES) + "\n"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1+1"])
def test_a_text_that_a_spreadsheet_would_compute_is_kept_from_it(text: str) -> None:
    rows = troubled(text)
    assert read_csv(rows)[0]["problem"] == f"'{text}"
    assert read_parquet(rows).to_pylist()[0]["problem"] == text


def test_a_negative_number_is_no_formula() -> None:
    place = NAMES.index("idle_cpu_share")
    (row,) = rows_of(RUN, [make_trial(idle_cpu_share=-0.25)])
    assert row[place] == -0.25
    assert read_csv((row,))[0]["idle_cpu_share"] == "-0.25"


def test_texts_with_commas_quotes_and_letters_of_any_kind_survive() -> None:
    text = 'a, "b"; é 漢'
    assert read_csv(troubled(text))[0]["problem"] == text


def test_the_same_rows_make_the_same_files() -> None:
    assert as_csv(ROWS) == as_csv(tuple(ROWS))
    assert as_parquet(ROWS) == as_parquet(tuple(ROWS))
