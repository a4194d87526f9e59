"""A row per trial, for spreadsheets and data frames: the columns, and what stands in them."""

import csv
import io
import math
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from harness.analysis.labels.errors import errors_of
from harness.analysis.labels.trials import LabelledTrial
from harness.analysis.measures import Measure, trial_value
from harness.analysis.missing import MissingFigures
from harness.analysis.scaling import busiest_share, worker_memory_mib
from harness.inputs.study import Beside, Latency
from harness.records.plan import DUPLICATE
from harness.records.run import SCHEMA, Run
from harness.records.trial import (
    BesideRecord,
    Event,
    OpeningRecord,
    RoundTrips,
    ServerSize,
    SliceRecord,
    Trial,
    trial_file,
)

type Value = str | int | float | bool | None
"""What a cell holds; None is missing."""
type Row = tuple[Value, ...]
"""A value for each of COLUMNS, in their order."""


class Facts(msgspec.Struct, frozen=True):
    """What a row is made from."""

    run: Run
    labelled: LabelledTrial

    @property
    def trial(self) -> Trial:
        """What was measured."""
        return self.labelled.trial


class Column(msgspec.Struct, frozen=True):
    """name: with the unit. kind: of its values, any of which may be missing."""

    name: str
    kind: type[str] | type[int] | type[float] | type[bool]
    of: Callable[[Facts], Value]


def trial_rows(run: Run, trials: Sequence[LabelledTrial]) -> tuple[Row, ...]:
    """Every trial, incomplete ones and attempts that do not count among them, in their order.

    Args:
        run, trials: what was measured; see `analysis.labels.trials`.
    """
    return tuple(tuple(_value(column, Facts(run, trial)) for column in COLUMNS) for trial in trials)


def rows_without_trial(run: Run, missing: Sequence[MissingFigures]) -> tuple[Row, ...]:
    """A row for each of these entries and conditions that no trial is of.

    The problem is the reason; block, attempt, file and figures are missing.
    """
    return tuple(_row_without_trial(run, item) for item in missing if not item.trials)


_OF_A_TRIAL = frozenset({"block", "attempt", "file", "started_at"})
"""Columns that are missing where no trial is."""


def _row_without_trial(run: Run, missing: MissingFigures) -> Row:
    nothing = Trial(
        schema=SCHEMA, run=run.id, block=0, attempt=0, condition=missing.condition,
        entry=missing.entry, variant=missing.entry.removesuffix(DUPLICATE), started_at="",
        slices=(), latency_hdr=None, error_samples=(), rss_peak_kib=None, threads=None,
        processes=None, idle_cpu_share=None, problem=missing.reason,
    )  # fmt: skip
    facts = Facts(run, LabelledTrial(nothing, counted=False, findings=()))
    known: dict[str, Value] = {"standing": missing.absence.value}
    return tuple(
        None if column.name in _OF_A_TRIAL else known.get(column.name, _value(column, facts))
        for column in COLUMNS
    )


def _value(column: Column, facts: Facts) -> Value:
    value = column.of(facts)
    if value is None:
        return None
    made = column.kind(value)
    return None if isinstance(made, float) and not math.isfinite(made) else made


def _sum(facts: Facts, part: Callable[[SliceRecord], int | None]) -> int | None:
    """Over all slices; None where there is none, or one does not know."""
    parts = [part(piece) for piece in facts.trial.slices]
    known = [value for value in parts if value is not None]
    return sum(known) if parts and len(known) == len(parts) else None


def _seconds(facts: Facts, part: Callable[[SliceRecord], int | None]) -> float | None:
    total = _sum(facts, part)
    return None if total is None else total / 1e9


def _problem(facts: Facts) -> str | None:
    problem = facts.trial.problem
    return None if problem is None else next(iter(problem.splitlines()), "")


def _errors_by_kind(facts: Facts) -> str | None:
    """E.g. `412 x status 503, 8 x timeout`; None without any."""
    errors = errors_of([facts.trial])
    return ", ".join(f"{count} x {kind}" for kind, count in errors.items() if count) or None


def _events(facts: Facts) -> str | None:
    """Each event's kind, its place and its figures; None without any."""
    return "; ".join(map(_told, facts.trial.events)) or None


def _told(event: Event) -> str:
    place = "" if event.round is None else f" (round {event.round}, position {event.position})"
    again = ", measured again" if event.repeated else ""
    return f"{event.kind}{place}: {event.detail}{again}"


def _window[T](facts: Facts, value: T) -> T | None:
    return None if facts.trial.condition.window_s is None else value


def _latency(facts: Facts, part: Callable[[Latency], float]) -> float | None:
    latency = facts.trial.condition.latency
    return None if latency is None else part(latency)


def _beside[T](facts: Facts, part: Callable[[Beside], T]) -> T | None:
    beside = facts.trial.condition.beside
    return None if beside is None else part(beside)


def _second(facts: Facts, part: Callable[[BesideRecord], int]) -> int | None:
    """Of the second load, over all windows."""
    windows = [piece.window for piece in facts.trial.slices if piece.window is not None]
    found = [part(window.beside) for window in windows if window.beside is not None]
    return sum(found) if found else None


def _trip(facts: Facts, part: Callable[[RoundTrips], float]) -> float | None:
    trips = facts.trial.round_trips
    return None if trips is None else part(trips)


def _opening(facts: Facts, part: Callable[[OpeningRecord], int | None]) -> int | None:
    """Of the connections of all its windows; None where none tells."""
    windows = [piece.window for piece in facts.trial.slices if piece.window is not None]
    found = [part(window.opening) for window in windows if window.opening is not None]
    known = [value for value in found if value is not None]
    return sum(known) if known else None


def _drain_s(facts: Facts) -> float | None:
    """The longest of its windows."""
    windows = [piece.window for piece in facts.trial.slices if piece.window is not None]
    drains = [window.drain_ns for window in windows if window.drain_ns is not None]
    return max(drains) / 1e9 if drains else None


def _at_close(facts: Facts, part: Callable[[ServerSize], float]) -> float | None:
    """The most of its windows."""
    windows = [piece.window for piece in facts.trial.slices if piece.window is not None]
    sizes = [part(window.at_close) for window in windows if window.at_close is not None]
    return max(sizes) if sizes else None


def _mib(facts: Facts) -> float | None:
    peak = facts.trial.rss_peak_kib
    return None if peak is None else peak / 1024


def _workers(facts: Facts) -> int:
    trial = facts.trial
    return facts.run.study.server_of(trial.variant, trial.condition).workers


def _connections_of_workers(facts: Facts) -> str | None:
    """E.g. `12 9 7 4`, the busiest worker first; None of runs from before they were kept."""
    return " ".join(str(worker.connections) for worker in facts.trial.workers) or None


def _measure(measure: Measure) -> Column:
    return Column(measure.value, float, lambda f: trial_value(measure, f.trial))


COLUMNS: tuple[Column, ...] = (
    Column("run", str, lambda f: f.run.id),
    Column("study", str, lambda f: f.run.study_name),
    Column("block", int, lambda f: f.trial.block),
    Column("attempt", int, lambda f: f.trial.attempt),
    Column("machine_set", str, lambda f: f.trial.machine_set),
    Column("standing", str, lambda f: f.labelled.standing.value),
    Column("counted", bool, lambda f: f.labelled.counted),
    Column("condition", str, lambda f: f.trial.condition.name),
    Column("endpoint", str, lambda f: f.trial.condition.endpoint),
    Column("connections", int, lambda f: f.trial.condition.connections),
    Column("rows", int, lambda f: f.trial.condition.rows),
    Column("window_s", float, lambda f: f.trial.condition.window_s),
    Column("windows", int, lambda f: _window(f, f.trial.condition.windows)),
    Column("rate_per_s", float, lambda f: f.trial.condition.rate),
    Column("share", float, lambda f: f.trial.condition.share),
    Column(
        "arrivals", str,
        lambda f: f.trial.condition.arrivals if f.trial.condition.open_loop else None,
    ),
    Column("database_ms", float, lambda f: _latency(f, lambda added: added.database_ms)),
    Column("client_ms", float, lambda f: _latency(f, lambda added: added.client_ms)),
    Column("beside_endpoint", str, lambda f: _beside(f, lambda second: second.endpoint)),
    Column("beside_connections", int, lambda f: _beside(f, lambda second: second.connections)),
    Column("workers", int, _workers),
    Column("beside_correct", int, lambda f: _second(f, lambda found: found.correct)),
    Column("beside_errors", int, lambda f: _second(f, lambda found: sum(found.errors.values()))),
    Column("entry", str, lambda f: f.trial.entry),
    Column("file", str, lambda f: trial_file(f.trial)),
    Column("variant", str, lambda f: f.trial.variant),
    Column("duplicate", bool, lambda f: f.trial.entry != f.trial.variant),
    Column("started_at", str, lambda f: f.trial.started_at),
    Column("complete", bool, lambda f: f.trial.complete),
    Column("problem", str, _problem),
    Column("labels", str, lambda f: " ".join(f.labelled.labels)),
    Column("events", str, _events),
    Column("correct", int, lambda f: _sum(f, lambda s: s.correct)),
    Column("errors", int, lambda f: _sum(f, lambda s: sum(s.failures.values()))),
    Column("errors_by_kind", str, _errors_by_kind),
    Column("elapsed_s", float, lambda f: _seconds(f, lambda s: s.elapsed_ns)),
    _measure(Measure.THROUGHPUT),
    _measure(Measure.CPU),
    _measure(Measure.DATABASE_CPU),
    _measure(Measure.P50),
    _measure(Measure.P99),
    _measure(Measure.SUSTAINED),
    _measure(Measure.SECOND),
    Column("server_cpu_s", float, lambda f: _seconds(f, lambda s: s.server_cpu_ns)),
    Column("database_cpu_s", float, lambda f: _seconds(f, lambda s: s.database_cpu_ns)),
    Column("generator_cpu_s", float, lambda f: _seconds(f, lambda s: s.generator_cpu_ns)),
    Column("relay_cpu_s", float, lambda f: _seconds(f, lambda s: s.relay_cpu_ns)),
    Column("steal_s", float, lambda f: _seconds(f, lambda s: s.steal_ns)),
    Column("memory_peak_mib", float, _mib),
    Column("threads", int, lambda f: f.trial.threads),
    Column("processes", int, lambda f: f.trial.processes),
    Column("busiest_worker_share", float, lambda f: busiest_share(f.trial)),
    Column("worker_memory_peak_mib", float, lambda f: worker_memory_mib(f.trial)),
    Column("connections_of_workers", str, _connections_of_workers),
    Column("idle_cpu_share", float, lambda f: f.trial.idle_cpu_share),
    Column("reconnects", int, lambda f: _sum(f, lambda s: s.reconnects)),
    Column("connections_opened", int, lambda f: _opening(f, lambda o: o.opened)),
    Column("connections_retried", int, lambda f: _opening(f, lambda o: o.slow)),
    Column("connections_refused", int, lambda f: _opening(f, lambda o: o.refused)),
    Column("connections_unanswered", int, lambda f: _opening(f, lambda o: o.unanswered)),
    Column("backlog_overflows", int, lambda f: _opening(f, lambda o: o.overflows)),
    Column("drain_s", float, _drain_s),
    Column("memory_under_load_mib", float, lambda f: _at_close(f, lambda s: s.rss_kib / 1024)),
    Column("threads_under_load", float, lambda f: _at_close(f, lambda s: float(s.threads))),
    Column("exhausted", str, lambda f: " ".join(f.trial.exhausted) or None),
    Column("users", int, lambda f: None if f.trial.ramp is None else f.trial.ramp.users),
    Column(
        "under_way_at_stop", int,
        lambda f: None if f.trial.ramp is None else f.trial.ramp.under_way_at_stop,
    ),
    Column("database_trip_before_ms", float, lambda f: _trip(f, lambda t: t.database_before)),
    Column("database_trip_after_ms", float, lambda f: _trip(f, lambda t: t.database_after)),
    Column("client_trip_before_ms", float, lambda f: _trip(f, lambda t: t.client_before)),
    Column("client_trip_after_ms", float, lambda f: _trip(f, lambda t: t.client_after)),
)  # fmt: skip
"""All of them: CPU times and counts are sums over the trial's slices or windows. What a condition
does not name (added latency, a second load, arrivals) is missing, and is not 0."""


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""How a cell begins that a spreadsheet takes for a formula. Texts of a run may be a stranger's, and
a formula can read other cells and send them away; an apostrophe before it makes it text again."""


def as_csv(rows: Sequence[Row]) -> str:
    """Rows of trials as CSV; see `csv_text`."""
    return csv_text([column.name for column in COLUMNS], rows)


def csv_text(names: Sequence[str], rows: Sequence[Row]) -> str:
    """Rows as CSV, after a line of headings; lines end in a line feed.

    Missing values are empty, truth values `true` and `false`, numbers as exact as they are known.
    A text that a spreadsheet would compute begins with an apostrophe, here but not in Parquet.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
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
