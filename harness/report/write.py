"""A run's report: the full page with its tables, and the short form that is kept with the run."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from harness.analysis.analyse import Analysis, analyse
from harness.analysis.condition import MeasuredCondition, conditions_of
from harness.analysis.labels.trials import in_order, label_trials
from harness.base.errors import BridgetollError
from harness.base.workspace import cache_folder
from harness.inputs.claims import Claim
from harness.records.run import Run
from harness.records.store import Store
from harness.report.answer.hero import Hero
from harness.report.answer.heroes import heroes
from harness.report.charts.pairs import pair_figures
from harness.report.charts.trials import trial_figures
from harness.report.data.explorer import explorer_data, trial_data
from harness.report.data.ratios import ratios_csv
from harness.report.data.rows import as_csv, as_parquet, rows_without_trial, trial_rows
from harness.report.drawing.figures import Figures
from harness.report.folder import ReportFolder
from harness.report.price_offers import price_offers
from harness.report.render import html, markdown
from harness.report.schemas import file_name, schema_text, summary_text
from harness.report.view import template_values

_PICTURES = 3
"""A kept run has at most so many: they are tracked by git."""


class Report(msgspec.Struct, frozen=True):
    """What was written, of which run, and what it says.

    page: the path of the full page.
    trials: how many could be read.
    conditions: with these trials, for those who need more than the analysis.
    """

    page: Path
    trials: int
    run: Run
    analysis: Analysis
    damaged: tuple[BridgetollError, ...]
    conditions: tuple[MeasuredCondition, ...] = ()


def write_report(
    store: Store,
    claims: Sequence[Claim] = (),
    target: Path | None = None,
    *,
    every_figure: bool = False,
    results: Path | None = None,
) -> Report:
    """Recompute everything from the trials and write page, charts, tables, summary and Markdown.

    Args:
        store: of the run.
        claims: to be judged by the run.
        target: a folder for all files. If None, `report.md` and `pictures/` go to the run's folder,
            where they are kept, and the rest to `report/` within it.
        every_figure: also draw the charts that the page draws itself, as files.
        results: kept runs, from which an A/B takes prices; None if it takes none.

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
        if every_figure:
            trial_figures(run, by_trial, figures)  # workers draw while estimates are computed
        offers = () if results is None else price_offers(run, results, cache_folder())
        analysis = analyse(run, trials, claims, conditions, offers)
        shown = heroes(run, analysis, figures)
        live = any(hero.live for hero in shown)
        first = next((hero.condition for hero in shown), None)
        explored = explorer_data(run, analysis, conditions, by_trial, first, live=live)
        if every_figure:
            pair_figures(explored, figures)
        values = template_values(run, analysis, damaged, figures, shown)
        values["pictures"] = _pictures(shown)
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
    return Report(
        page=page,
        trials=len(trials),
        run=run,
        analysis=analysis,
        damaged=tuple(damaged),
        conditions=tuple(conditions),
    )


def _write_figures(folder: ReportFolder, figures: Figures) -> None:
    """Every chart as SVG and PNG."""
    names: set[str] = set()
    for figure in figures.all:
        names.add(folder.write(f"figures/{figure.stem}.svg", figure.svg).name)
        names.add(folder.write(f"figures/{figure.stem}.png", figure.png).name)
    folder.drop_others("figures", names)


def _pictures(shown: Sequence[Hero]) -> list[dict[str, str]]:
    """The pictures that `report.md` shows: the first ones of the page."""
    charts = [hero.figure for hero in shown[:_PICTURES]]
    return [
        {"title": c["title"], "alt": c["alt"], "figure": c["png"], "png": _kept(c["png"])}
        for c in charts
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
