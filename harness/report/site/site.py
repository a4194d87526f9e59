"""A static site of runs: leaderboard, reports, trends, identical servers, published claims."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from harness.base.errors import BridgetollError, DrawingFailed, MalformedFile, UsageError
from harness.inputs.claims import Claim
from harness.records.lock import RunInUse, reading
from harness.records.run import Run
from harness.records.store import Store
from harness.report.site.board import Board, board_of
from harness.report.site.boards import newest
from harness.report.site.folder import site_folder
from harness.report.site.pages import claims_page, index_page, trends_page, twins_page
from harness.report.site.trends import trends
from harness.report.write import Report, write_report

_ID = re.compile(r"[A-Za-z0-9._-]+")


class Site(msgspec.Struct, frozen=True):
    """A published site.

    page: the front page.
    damaged: by run, errors of trials that its report leaves out.
    refused: by the run's folder, the error for which the site leaves it out.
    left: runs of an earlier publication, whose reports are still there.
    """

    page: Path
    damaged: dict[str, tuple[BridgetollError, ...]]
    left: tuple[str, ...]
    refused: dict[Path, BridgetollError] = {}


def publish(
    stores: Sequence[Store],
    target: Path,
    title: str,
    claims: Sequence[Claim] = (),
    step: Callable[[str], None] = lambda _: None,
) -> Site:
    """Write a site that opens from disk and from any server of static files.

    Runs are only read; the site gets new reports of them. A run that cannot be published is left
    out, unless it is the only one; so is one that is still measured.

    Args:
        stores: of the runs.
        target: the site's folder, created if missing.
        title: of the site.
        claims: to be judged by the runs.
        step: called with a text when a step begins.

    Raises:
        UsageError: the folder or none of the runs can be used; nothing has been written then.
        MalformedFile: the only run's `run.json` cannot be read; likewise.
        RunInUse: the only run is still measured; likewise.
        DrawingFailed: a chart cannot be drawn.
        StoreFailed: the site cannot be written.
    """
    chosen, refused = _by_date(stores)
    folder = site_folder(target)
    reports: list[Report] = []
    boards: list[tuple[Run, Board | None]] = []
    for store in chosen:
        step(f"reporting {store.id}")
        try:
            with reading(store.folder):
                report = write_report(
                    store, claims, folder.run(store.id), results=store.folder.parent
                )
        except (DrawingFailed, MalformedFile, RunInUse) as error:  # of this run, not of the site
            refused[store.folder] = error
            continue
        boards.append((report.run, board_of(report.run, report.analysis, report.conditions)))
        # Its trials, which a site of many runs could not hold all at once, are needed no more.
        reports.append(msgspec.structs.replace(report, conditions=()))
    if not reports:
        raise next(iter(refused.values()))
    step("following variants from run to run")
    followed = trends([(report.run, report.analysis) for report in reports])
    folder.write("trends.html", trends_page(title, reports, followed))
    folder.write("twins.html", twins_page(title, reports))
    if claims:
        folder.write(
            "claims.html", claims_page(title, [report.analysis.judgements for report in reports])
        )
    lacking = sorted(run.name for run in refused)
    front = index_page(title, reports, lacking, newest(boards), claims=bool(claims))
    page = folder.write("index.html", front)
    return Site(
        page=page,
        damaged={report.run.id: report.damaged for report in reports if report.damaged},
        left=folder.earlier([report.run.id for report in reports]),
        refused=refused,
    )


def _by_date(stores: Sequence[Store]) -> tuple[list[Store], dict[Path, BridgetollError]]:
    """Each run once, earliest first; and the errors of runs that cannot be published."""
    dated: dict[str, tuple[str, Store]] = {}
    refused: dict[Path, BridgetollError] = {}
    for store in stores:
        try:
            started_at = _started_at(store)
        except (MalformedFile, UsageError) as error:
            refused[store.folder] = error
            continue
        _, known = dated.setdefault(store.id, (started_at, store))
        if known.folder != store.folder:
            refused[store.folder] = UsageError(
                f"Two runs are called {store.id}, in {known.folder} and in {store.folder}; the "
                "first is published. To publish the other, name it alone."
            )
    if not dated and refused:
        raise next(iter(refused.values()))
    ordered = sorted(dated.values(), key=lambda item: (item[0], item[1].id))
    return [store for _, store in ordered], refused


def _started_at(store: Store) -> str:
    """When a run began, if its id may name a folder and be part of an address.

    `run.json` may be a stranger's, and the name decides where the report is written.
    """
    run = store.read_run()
    plain = _ID.fullmatch(run.id) is not None and ".." not in run.id
    if not plain or run.id != store.id:
        raise UsageError(
            f"The run in {store.folder} calls itself {run.id!r}, and only one that is called like "
            "its folder, in letters, digits, `.`, `_` and `-`, can be published; leave it out."
        )
    return run.started_at
