"""A run's report: the full page with its tables, and the short form that is kept with the run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from harness.analysis.analyse import Analysis, analyse
from harness.analysis.condition import conditions_of
from harness.analysis.labels.trials import in_order, label_trials
from harness.base.errors import BridgetollError
from harness.base.workspace import cache_folder
from harness.inputs.claims import Claim
from harness.records.run import Run
from harness.records.store import Store
from harness.report.charts.pairs import pair_figures
from harness.report.charts.trials import trial_figures
from harness.report.data.explorer import explorer_data, trial_data
from harness.report.data.ratios import ratios_csv
from harness.report.data.rows import as_csv, as_parquet, rows_without_trial, trial_rows
from harness.report.drawing.figures import Figures
from harness.report.folder import ReportFolder
from harness.report.render import html, markdown
from harness.report.schemas import file_name, schema_text, summary_text
from harness.report.view import template_values

_PICTURES = 4
"""A kept run has at most so many: they are tracked by git."""


class Report(msgspec.Struct, frozen=True):
    """What was written, of which run, and what it says.

    page: the path of the full page.
    trials: how many could be read.
    """

    page: Path
    trials: int
    run: Run
    analysis: Analysis
    damaged: tuple[BridgetollError, ...]


def write_report(store: Store, claims: Sequence[Claim] = (), target: Path | None = None) -> Report:
    """Recompute everything from the trials and write page, charts, tables, summary and Markdown.

    Args:
        store: of the run.
        claims: to be judged by the run.
        target: a folder for all files. If None, `report.md` and `pictures/` go to the run's folder,
            where they are kept, and the rest to `report/` within it.

    Raises:
        MalformedFile: `run.json` cannot be read. Damaged trials are left out and named instead.
        StoreFailed: the report cannot be written.
        DrawingFailed: a chart cannot be drawn.
    """
    run = store.read_run()
    full = ReportFolder(target or store.folder / "report")
    kept = ReportFolder(target or store.folder)
    with Figures() as figures:
        trials, damaged = store.trials(run)
        labels = label_trials(run, trials)
        conditions = conditions_of(run, labels)
        labelled = in_order(labels)
        by_trial = trial_data(run, conditions, labelled)
        charts = trial_figures(run, by_trial, figures)  # workers draw while estimates are computed
        analysis = analyse(run, trials, claims, conditions)
        explored = explorer_data(run, analysis, conditions, by_trial)
        pairs = pair_figures(explored, figures)
        values = template_values(run, analysis, damaged, figures)
        values["statics"] = {name: pairs.get(name, []) + drawn for name, drawn in charts.items()}
        values["pictures"] = _pictures(values, analysis)
        rows = (*trial_rows(run, labelled), *rows_without_trial(run, analysis.missing))
        full.write("trials.csv", as_csv(rows))
        full.write("trials.parquet", as_parquet(rows))
        full.write("ratios.csv", ratios_csv(analysis))
        full.write(file_name("summary"), schema_text("summary"))
        full.write("summary.json", summary_text(analysis))
        figures.finish()
    _write_figures(full, figures)
    _write_pictures(kept, values["pictures"], figures)
    page = full.write("index.html", html(values, explored, cache_folder()))
    kept.write("report.md", markdown(values))
    return Report(page=page, trials=len(trials), run=run, analysis=analysis, damaged=tuple(damaged))


def _write_figures(folder: ReportFolder, figures: Figures) -> None:
    """Every chart as SVG and PNG."""
    names: set[str] = set()
    for figure in figures.all:
        names.add(folder.write(f"figures/{figure.stem}.svg", figure.svg).name)
        names.add(folder.write(f"figures/{figure.stem}.png", figure.png).name)
    folder.drop_others("figures", names)


def _pictures(values: dict[str, Any], analysis: Analysis) -> list[dict[str, str]]:
    """The charts that `report.md` shows: what the run was made for, in the order of conditions.

    Ramps first, then the waterfalls of causes, then each condition by its first measure.
    """
    ramps = values["ramps"]["charts"] if values["ramps"] else []
    charts = [(chart["title"], chart) for chart in ramps]
    for causes in analysis.causes.conditions:
        section = values["causes"]["conditions"][causes.condition.name]
        falls = section["charts"][: len(causes.falls)]
        charts += [(f"{section['title']}: {chart['title']}", chart) for chart in falls]
    for condition in values["conditions"]:
        charts += [(f"{condition['title']}: {c['title']}", c) for c in condition["charts"][:1]]
    return [
        {"title": title, "alt": chart["alt"], "figure": chart["png"], "png": _kept(chart["png"])}
        for title, chart in charts[:_PICTURES]
    ]


def _kept(figure: str) -> str:
    """Where the picture of a figure lies in the folder of its run."""
    return f"pictures/{figure.rpartition('/')[2]}"


def _write_pictures(
    folder: ReportFolder, pictures: Sequence[dict[str, str]], figures: Figures
) -> None:
    drawn = {f"figures/{figure.stem}.png": figure.png for figure in figures.all}
    for picture in pictures:
        folder.write(picture["png"], drawn[picture["figure"]])
    folder.drop_others("pictures", {picture["png"].rpartition("/")[2] for picture in pictures})
