"""A run's report, from its folder to its folder."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from harness.analysis.analyse import Analysis, analyse
from harness.analysis.condition import pieces_of
from harness.analysis.labels.trials import labelled_trials
from harness.base.errors import BridgetollError
from harness.base.workspace import cache_folder
from harness.inputs.claims import Claim
from harness.records.run import Run
from harness.records.store import Store
from harness.report.charts.pairs import pair_figures
from harness.report.charts.trials import trial_figures
from harness.report.data.explorer import explorer_data, trial_data
from harness.report.data.rows import as_csv, as_parquet, trial_rows
from harness.report.drawing.figures import Figures
from harness.report.render import html, markdown
from harness.report.schemas import file_name, schema_text, summary_text
from harness.report.view import template_values


class Report(msgspec.Struct, frozen=True):
    """What was written, of which run, and what it says."""

    page: Path
    run: Run
    analysis: Analysis
    damaged: tuple[BridgetollError, ...]


def write_report(store: Store, claims: Sequence[Claim] = ()) -> Report:
    """Recompute everything from the trials and write page, Markdown, summary and tables.

    Args:
        store: of the run.
        claims: to be held against it.

    Raises:
        MalformedFile: `run.json` cannot be read. Damaged trials are left out and named instead.
        StoreFailed: the report cannot be written.
        DrawingFailed: a chart cannot be drawn.
    """
    run = store.read_run()
    figures = Figures()
    trials, damaged = store.trials(run)
    pieces = pieces_of(run, trials)
    labelled = labelled_trials(run, trials, pieces)
    by_trial = trial_data(run, pieces, labelled)
    charts = trial_figures(run, by_trial, figures)  # workers draw while estimates are computed
    analysis = analyse(run, trials, claims, pieces)
    explored = explorer_data(run, analysis, pieces, by_trial)
    pairs = pair_figures(explored, figures)
    values = template_values(run, analysis, damaged, figures)
    values["statics"] = {name: pairs.get(name, []) + drawn for name, drawn in charts.items()}
    rows = trial_rows(run, labelled)
    store.write_text("trials.csv", as_csv(rows))
    store.write_bytes("trials.parquet", as_parquet(rows))
    store.write_text(file_name("summary"), schema_text("summary"))
    store.write_text("summary.json", summary_text(analysis))
    figures.finish()
    _write_figures(store, figures)
    store.write_text("report.md", markdown(values))
    page = store.write_text("index.html", html(values, explored, cache_folder()))
    return Report(page=page, run=run, analysis=analysis, damaged=tuple(damaged))


def _write_figures(store: Store, figures: Figures) -> None:
    """Every chart as two files, and no others beside them."""
    kept: set[str] = set()
    for figure in figures.all:
        kept.add(store.write_text(f"figures/{figure.stem}.svg", figure.svg).name)
        kept.add(store.write_bytes(f"figures/{figure.stem}.png", figure.png).name)
    store.drop_others("figures", kept)
