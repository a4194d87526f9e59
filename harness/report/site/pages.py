"""The pages of a site as texts, from templates that escape every value."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import markupsafe
import msgspec

from harness.analysis.judgements import Judgement, merged
from harness.analysis.measures import Measure, ranked
from harness.analysis.twins import TwinTally, run_twins, tally_twins
from harness.inputs import conditions
from harness.inputs.study import Condition
from harness.report import policy
from harness.report.data.explorer import facet_titles
from harness.report.drawing.figures import Figures
from harness.report.render import environment
from harness.report.script import with_texts
from harness.report.sections.claims import claims_values
from harness.report.site import twins
from harness.report.site.board import Board
from harness.report.site.board_table import board_table
from harness.report.site.run_rows import DOWNLOADS, run_row
from harness.report.site.trends import TrendPoint, VariantTrend, alternative, trend_chart
from harness.report.words import numbers, twin_tally
from harness.report.words.claims import tally
from harness.report.words.machines import machine_title
from harness.report.write import Report

_TEMPLATES = Path(__file__).with_name("templates")
_SCRIPT = _TEMPLATES / "board.js"
_PAGES = (("trends.html", "Trends"), ("twins.html", "Identical servers"))
"""Other pages of every site, in the order of their links."""
_CLAIMS = ("claims.html", "Published claims")


def index_page(
    title: str,
    reports: Sequence[Report],
    refused: Sequence[str] = (),
    boards: Sequence[Board] = (),
    *,
    claims: bool = False,
) -> str:
    """The leaderboard, and the list of runs, latest first.

    Args:
        title: of the site.
        reports: by date, which numbers the runs.
        refused: names of runs that could not be published.
        boards: of some of these runs; see `boards.newest`.
        claims: whether the site has a page of them.
    """
    runs = [run_row(number, report) for number, report in enumerate(reports, start=1)]
    by_id = {run["id"]: run for run in runs}
    values = {
        "title": title,
        "runs": runs[::-1],
        "downloads": DOWNLOADS,
        "refused": refused,
        "pages": (*_PAGES, _CLAIMS) if claims else _PAGES,
        "filters": facet_titles(),
        "boards": [_board(board, by_id[board.run]) for board in boards],
        "table": board_table(boards[0]) if boards else None,
        "script": markupsafe.Markup(board_script()) if boards else None,
    }
    return _page("index.html", values, [board_script()] if boards else [])


def board_script() -> str:
    """The front page's own script."""
    return with_texts(_SCRIPT.read_text(encoding="utf-8"))


def _board(board: Board, run: dict[str, Any]) -> dict[str, Any]:
    """A board with what stands above it."""
    about = {key: run[key] for key in ("title", "date", "machine", "headline", "facts")}
    return {**msgspec.to_builtins(board, str_keys=True), **about}


def trends_page(title: str, reports: Sequence[Report], trends: Sequence[VariantTrend]) -> str:
    """Trends of the variants that several runs measured.

    Args:
        title: of the site.
        reports: by date.
        trends: by condition.
    """
    by_condition: dict[Condition, list[VariantTrend]] = {}
    for trend in trends:
        by_condition.setdefault(trend.condition, []).append(trend)
    with Figures() as figures:
        values = {
            "title": title,
            "runs": [_run(number, report) for number, report in enumerate(reports, start=1)],
            "conditions": [_condition(*of_one, figures) for of_one in by_condition.items()],
        }
        figures.finish()
    return _page("trends.html", values)


def twins_page(title: str, reports: Sequence[Report]) -> str:
    """How often two identical servers seemed to differ: over all runs, and by condition.

    Args:
        title: of the site.
        reports: by date.
    """
    tally = tally_twins([run_twins(report.run, report.analysis.twins) for report in reports])
    values = {
        "title": title,
        "result": twin_tally.result(tally),
        "failures": twin_tally.failures(tally),
        "left_out": twin_tally.left_out(tally),
        "how": twin_tally.HOW,
        "independent": twin_tally.INDEPENDENT,
        "chart": _twins_chart(tally) if tally.checks else None,
        "runs": [
            {
                "number": number,
                "id": report.run.id,
                "title": report.run.study.title,
                "date": report.run.started_at[:10],
                "held": sum(check.holds_one for check in run.checks),
                "rows": [twin_tally.row(check) for check in run.checks],
            }
            for number, (report, run) in enumerate(zip(reports, tally.runs, strict=True), start=1)
            if run.checks
        ],
    }
    return _page("twins.html", values)


def claims_page(title: str, judged: Sequence[Sequence[Judgement]]) -> str:
    """Published claims, judged by all runs together.

    Args:
        title: of the site.
        judged: by run, its judgements of the same claims.
    """
    judgements = merged(judged)
    values = {
        "title": title,
        "tally": tally(judgements),
        "runs": len(judged),
        "claims": claims_values(judgements, linked=True),
    }
    return _page("published_claims.html", values)


def _twins_chart(tally: TwinTally) -> dict[str, Any]:
    with Figures() as figures:
        chart = figures.add(
            "twins", "Identical servers", twins.twins_chart(tally), twins.alternative(tally)
        )
        figures.finish()
    return chart


def _page(template: str, values: dict[str, Any], scripts: Sequence[str] = ()) -> str:
    allowed = markupsafe.Markup(policy.of_scripts(scripts))
    made = environment(_TEMPLATES, escape=True).get_template(template)
    return made.render(values, policy=allowed)


def _run(number: int, report: Report) -> dict[str, Any]:
    run = report.run
    return {
        "number": number,
        "id": run.id,
        "title": run.study.title,
        "date": run.started_at[:10],
        "machine": machine_title(run),
    }


def _condition(
    condition: Condition, trends: Sequence[VariantTrend], figures: Figures
) -> dict[str, Any]:
    measures = [
        measure
        for measure in ranked(condition)
        if any(measure in point.estimates for trend in trends for point in trend.points)
    ]
    return {
        "title": conditions.condition_title(condition),
        "headings": [measure.heading for measure in measures],
        "ratio": ranked(condition)[0].heading,
        "charts": [
            figures.add(
                f"trends-{measure.value}",
                measure.heading,
                trend_chart(trends, measure),
                alternative(trends, measure),
            )
            for measure in measures
        ],
        "variants": len(trends),
        "rows": [_row(trend, point, measures) for trend in trends for point in trend.points],
    }


def _changed(trend: VariantTrend, point: TrendPoint) -> list[str]:
    why = [] if point.missing is None else [f"{point.missing.word}: {point.missing.reason}"]
    return why + (["first of these runs"] if point is trend.points[0] else _since(point))


def _since(point: TrendPoint) -> list[str]:
    apart = [f"not comparable with the run above, because {why}" for why in point.apart]
    return [*apart, *point.changed] or ["nothing known"]


def _value(point: TrendPoint, measure: Measure) -> str:
    if point.missing is not None:
        return point.missing.word
    text = numbers.estimate(point.estimates.get(measure))
    return f"{text} (not ranked)" if measure in point.unranked else text


def _row(trend: VariantTrend, point: TrendPoint, measures: Sequence[Measure]) -> dict[str, Any]:
    baseline = point.run.study.baseline
    return {
        "variant": trend.variant,
        "number": point.number,
        "id": point.run.id,
        "date": point.run.started_at[:10],
        "values": [_value(point, measure) for measure in measures],
        "ratio": "1" if trend.variant == baseline else numbers.ratio(point.ratio),
        "baseline": baseline,
        "changed": _changed(trend, point),
    }
