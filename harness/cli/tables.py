"""What the terminal shows: tables, progress and the summary. Made here, printed by `cli`."""

import time

from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from harness.analysis.analyse import Analysis, ConditionResult
from harness.analysis.locust.summary import Ramps
from harness.analysis.measures import Measure, ranked
from harness.analysis.stats.ties import letters
from harness.inputs.catalog import Catalog
from harness.inputs.study import Condition, Study
from harness.records.plan import Phase, Plan
from harness.records.verification import Verification
from harness.report.words import causes as cause_words
from harness.report.words import conditions, numbers, verdicts
from harness.report.words.ramps import compared_per_s, gain_sentence, route

_SMOOTHING = 0.1
"""Weight of the newest slice in the estimate of the time left."""


def duration(seconds: float) -> str:
    """Minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def catalog_table(catalog: Catalog, studies: list[str], runs: list[str]) -> RenderableType:
    """Variants, studies and runs."""
    table = Table(box=None, pad_edge=False)
    for heading in ("variant", "what it is", "server"):
        table.add_column(heading, overflow="fold")
    for variant in catalog.variants.values():
        title = Text(f"{variant.framework}: {variant.title}")
        table.add_row(Text(variant.name, style="bold"), title, Text(variant.server))
    return Group(
        table,
        Text(f"\nstudies: {', '.join(studies) or 'none'}"),
        Text(f"runs: {', '.join(runs) or 'none'}"),
    )


def plan_text(study: Study, plan: Plan) -> RenderableType:
    """What a study will do, and how long that takes."""
    lines = [
        f"{study.title}: {study.question}",
        f"{study.blocks} block{'s' if study.blocks > 1 else ''} of {_entries(study, plan)}, "
        f"seed {study.seed}",
        *(
            f"  {conditions.condition_title(c)}"
            + ("" if c.group is None else f" (group {c.group}: {len(study.measured(c))} variants)")
            for c in study.conditions
        ),
        f"{_load(study)}; {sum(len(p.orders[0]) for p in plan.phases)} trials",
        f"expected: {duration(plan.expected_s)}, after environments and verification",
    ]
    return Text("\n".join(lines))


def _entries(study: Study, plan: Plan) -> str:
    if study.ramped:
        return f"{len(plan.entries)} setups, each alone"
    return (
        f"{len(plan.entries)} servers ({len(study.everyone)} variants and a hidden duplicate of "
        f"{study.baseline})"
    )


def _load(study: Study) -> str:
    load = study.load
    if study.ramped:
        ramp = load.ramp
        return f"Locust, {ramp.per_s:g} users more per second, then {ramp.hold_s:g} s of all"
    slices = f"{load.rounds} rounds of {load.slice_s:g} s slices"
    return f"{slices} in each trial, where it is not windows"


def verification_lines(verification: Verification) -> RenderableType:
    """One line if all is well, else one per failed check."""
    count = len(verification.outcomes)
    if verification.passed:
        return Text.assemble(("ok    ", "green"), f"{verification.variant}: {count} checks")
    failed = [Text(f"      {problem}") for problem in verification.problems]
    return Group(Text.assemble(("FAILS ", "bold red"), verification.variant), *failed)


def summary(analysis: Analysis) -> RenderableType:
    """Verdict and ranking with ties per condition, for 80 columns."""
    parts: list[RenderableType] = []
    if analysis.ramps is not None:
        parts.append(_ramp_table(analysis.ramps))
        parts += [Text(gain_sentence(gain)) for gain in analysis.ramps.gains]
    for result in analysis.conditions:
        parts += [
            Text(verdicts.verdict(result, analysis.baseline)),
            _ranking_table(analysis, result),
        ]
    if any(
        result.comparisons[ranked(result.condition)[0]].groups for result in analysis.conditions
    ):
        parts.append(Text("Two variants that share no letter differ.", style="dim"))
    parts += [Text(line, style="yellow") for line in verdicts.disturbances(analysis)]
    parts += [Text(line) for line in cause_words.verdicts(analysis.causes)]
    parts += [Text(line) for line in cause_words.predictions(analysis.causes)]
    return Group(*parts)


def _ramp_table(ramps: Ramps) -> Table:
    """The highest rate per cell, and in brackets the published one."""
    setups = list(dict.fromkeys(cell.setup for cell in ramps.cells))
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("successes/s, at most (published)")
    for name in setups:
        table.add_column(Text(name.partition("/")[2]), justify="right")
    for condition in dict.fromkeys(cell.condition for cell in ramps.cells):
        values = [_rates(ramps, name, condition) for name in setups]
        table.add_row(Text(route(condition)), *values)
    return table


def _rates(ramps: Ramps, setup: str, condition: Condition) -> str:
    highest = compared_per_s(ramps, ramps.cell(setup, condition))
    known = ramps.in_print(setup, condition)
    ours = numbers.MISSING if highest is None else f"{highest:.1f}"
    return ours if known is None else f"{ours} ({known.highest_per_s:g})"


_SHORT = {
    Measure.CPU: "CPU µs/request",
    Measure.THROUGHPUT: "requests/s",
    Measure.P99: "p99 ms",
    Measure.P50: "median ms",
    Measure.SUSTAINED: "requests/s",
}


def _ranking_table(analysis: Analysis, result: ConditionResult) -> Table:
    """By the condition's first measure, with the second's values beside it."""
    first, *others = (result.comparisons[m] for m in ranked(result.condition))
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("", "variant", _SHORT[first.measure], "ratio"):
        table.add_column(heading)
    for other in others:
        table.add_column(_SHORT[other.measure], justify="right")
    for entry in first.ranking or tuple(first.estimates):
        beside = [other.estimates.get(entry) for other in others]
        table.add_row(
            letters(first.groups, entry),
            Text(entry),
            numbers.estimate(first.estimates.get(entry)),
            "1" if entry == analysis.baseline else numbers.ratio(first.ratios.get(entry)),
            *(numbers.MISSING if e is None else numbers.number(e.mean) for e in beside),
        )
    return table


class ProgressListener:
    """Shows a run as it goes. Use as a context manager around it.

    It draws between slices and at no other time, lest it should disturb one.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=16),
            TextColumn("{task.fields[note]}"),
            console=console, transient=True, auto_refresh=False,
        )  # fmt: skip
        self._task: TaskID | None = None
        self.run: str | None = None
        self._total = 0
        self._last: tuple[float, int] | None = None
        self._per_slice_s: float | None = None

    def expect(self, plan: Plan) -> None:
        """Learn how many slices the whole run has."""
        self._total = sum(phase.turns for phase in plan.phases)

    def step(self, what: str) -> None:
        """Something that is not a trial begins."""
        if self._console.is_terminal:
            self._update(what, None, "")
        else:
            self._console.print(what, highlight=False, markup=False)
        self._last = None

    def verified(self, verification: Verification) -> None:
        """A variant has been checked."""
        self._console.print(verification_lines(verification))

    def begun(self, run: str) -> None:
        """The run exists on disk now."""
        self.run = run

    def progress(self, phase: Phase, entry: str, done_slices: int, throughput: float) -> None:
        """A slice has ended."""
        now = time.monotonic()
        if self._last is not None and done_slices > self._last[1]:
            took = (now - self._last[0]) / (done_slices - self._last[1])
            known = self._per_slice_s
            self._per_slice_s = took if known is None else known + _SMOOTHING * (took - known)
        self._last = (now, done_slices)
        left = "" if self._per_slice_s is None else self._left(done_slices)
        self._update(
            f"block {phase.block} {phase.condition.endpoint}", done_slices,
            f"{entry[:24]} {numbers.number(throughput)}/s{left}",
        )  # fmt: skip

    def noticed(self, what: str) -> None:
        """Trials bear labels."""
        self._console.print(Text.assemble(("noticed: ", "yellow"), what), highlight=False)

    def problem(self, what: str) -> None:
        """Something went wrong, and the run goes on."""
        self._console.print(Text.assemble(("problem: ", "bold yellow"), what))

    def _left(self, done: int) -> str:
        assert self._per_slice_s is not None
        return f", {duration((self._total - done) * self._per_slice_s)} left"

    def _update(self, description: str, completed: int | None, note: str) -> None:
        if self._task is None:
            self._task = self._progress.add_task(description, total=self._total or None, note=note)
        self._progress.update(
            self._task, description=description, completed=completed, note=note,
            total=self._total or None, refresh=True,
        )  # fmt: skip

    def __enter__(self) -> "ProgressListener":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
