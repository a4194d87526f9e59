"""Runs of Locust's cells, made up in memory."""

from collections.abc import Sequence
from typing import Any

import msgspec

from harness.inputs.published_tables import Published, PublishedCell
from harness.inputs.settings import LoadSettings, Ramp
from harness.inputs.study import Condition, Latency
from harness.records.run import Run
from harness.records.trial import RampRecord, Trial
from tests.toys.runs import BASELINE, make_run, make_study, make_trial, make_window

OTHER = "b/other"
NEAR = Condition(endpoint="io_read", connections=10, rows=100)
FAR = msgspec.structs.replace(NEAR, latency=Latency(database_ms=200.0, client_ms=200.0))
_SECOND_NS = 1_000_000_000


def ramp_run(blocks: int = 1, conditions: Sequence[Condition] = (NEAR,)) -> Run:
    """Two setups under a ramp of twelve seconds, for two of which users come."""
    study = msgspec.structs.replace(
        make_study((BASELINE, OTHER), blocks),
        conditions=tuple(conditions),
        load=LoadSettings(engine="locust", ramp=Ramp(per_s=5.0, hold_s=10.0)),
    )
    return make_run(study)


def beside(run: Run, *cells: PublishedCell) -> Run:
    """The run as one that replicates a table of these cells."""
    table = Published(title="A table", source="somebody", note="one run each", cells=cells)
    return msgspec.structs.replace(run, published=table)


def make_cell(
    entry: str = BASELINE,
    per_second: Sequence[int] = (10,) * 20,
    block: int = 1,
    **changes: Any,
) -> Trial:
    """A complete cell: so many successes in each second, a saturated server, and no failure.

    changes: of the trial, of its one slice or of its ramp, by the names of their fields.
    """
    elapsed = len(per_second) * _SECOND_NS
    piece = make_window(
        per_second=tuple(per_second), correct=sum(per_second), latency_mean_ns=None,
        elapsed_ns=elapsed, window_ns=elapsed, server_cpu_ns=elapsed * 97 // 100,
        database_cpu_ns=elapsed // 5, generator_cpu_ns=elapsed // 10,
        machine_busy_ns=elapsed * 127 // 100,
    )  # fmt: skip
    ramp = RampRecord(
        users=10, failed_per_second=(0,) * len(per_second), under_way_at_stop=3, warned=False,
        max_connections=100,
    )  # fmt: skip
    piece = msgspec.structs.replace(piece, **_taken(changes, piece))
    ramp = msgspec.structs.replace(ramp, **_taken(changes, ramp))
    usual: dict[str, Any] = {"condition": NEAR, "idle_cpu_share": None, "ramp": ramp}
    return make_trial(entry, block, [piece], **(usual | changes))


def lost_cell(entry: str, problem: str, block: int = 1, **changes: Any) -> Trial:
    """A cell that came to nothing."""
    usual: dict[str, Any] = {"condition": NEAR, "problem": problem}
    return make_trial(entry, block, (), **(usual | changes))


def _taken(changes: dict[str, Any], record: msgspec.Struct) -> dict[str, Any]:
    """Those that are fields of the record, taken out."""
    return {key: changes.pop(key) for key in list(changes) if key in record.__struct_fields__}
