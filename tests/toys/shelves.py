"""Runs made up in memory and kept on disk, one study measured again and again."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from harness.records.run import Run
from harness.records.store import Store
from tests.toys.runs import BASELINE, make_run, make_study, simulate

COST = {BASELINE: 500.0, "b/other": 550.0}


def dated_run(month: int, packages: Mapping[str, str] | None = None, **changes: Any) -> Run:
    """A run of the toys' study that began on the first of a month, with these packages of `b`."""
    run = make_run(make_study(blocks=2))
    implementations = run.implementations
    if packages is not None:
        record = msgspec.structs.replace(implementations["b"], packages=dict(packages))
        implementations = implementations | {"b": record}
    usual = {
        "id": f"tiny-2026{month:02d}01-000000",
        "started_at": f"2026-{month:02d}-01T00:00:00+00:00",
        "implementations": implementations,
    }
    return msgspec.structs.replace(run, **(usual | changes))


def shelve(results: Path, run: Run, folder: str | None = None) -> Store:
    """Keep a run with its trials, in a folder of its name if no other is named."""
    store = Store.create(results, folder or run.id)
    store.write_run(run)
    for trial in simulate(run, COST, seed=len(run.id)):
        store.write_trial(msgspec.structs.replace(trial, run=run.id))
    return store
