"""A run's report, from its folder to its folder."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from harness.analysis.results import Analysis, analyse
from harness.analysis.run_pieces import pieces_of
from harness.claims import Claim
from harness.errors import BridgetollError
from harness.experiment.store import Store
from harness.report.explorer import explorer
from harness.report.figures import Figures
from harness.report.render import html, markdown
from harness.report.view import view
from harness.workspace import cache_folder


class Report(msgspec.Struct, frozen=True):
    """What was written, and what it says."""

    page: Path
    analysis: Analysis
    damaged: tuple[BridgetollError, ...]


def write_report(store: Store, claims: Sequence[Claim] = ()) -> Report:
    """Recompute everything from the trials and write page, Markdown and summary.

    Args:
        store: of the run.
        claims: to be held against it.

    Raises:
        MalformedFile: `run.json` cannot be read. Damaged trials are left out and named instead.
    """
    run = store.read_run()
    trials, damaged = store.trials()
    pieces = pieces_of(run, trials)
    analysis = analyse(run, trials, claims, pieces)
    figures = Figures()
    values = view(run, analysis, damaged, figures)
    explored = explorer(run, analysis, pieces, trials)
    for figure in figures.made:
        store.write_text(f"figures/{figure.stem}.svg", figure.svg)
        store.write_bytes(f"figures/{figure.stem}.png", figure.png())
    store.write_text("report.md", markdown(values))
    summary = msgspec.json.format(msgspec.json.encode(analysis), indent=1).decode()
    store.write_text("summary.json", summary + "\n")
    page = store.write_text("index.html", html(values, explored, cache_folder()))
    return Report(page=page, analysis=analysis, damaged=tuple(damaged))
