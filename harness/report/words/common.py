"""Numbers and findings as short texts, the same in the page, in Markdown and in the terminal."""

import shlex
from typing import Any

from harness.analysis.analyse import Analysis, ConditionResult
from harness.analysis.labels.labels import LIMITS, REMEDIES, Label
from harness.analysis.measures import Measure, ranked
from harness.analysis.stats.intervals import Interval
from harness.analysis.variants import Comparison
from harness.inputs.study import Condition
from harness.records.run import Run

MISSING = "n/a"
"""What stands where there is no figure."""
NO_LIMIT = "nothing in particular"
"""What limited a throughput where no label says it."""
_SMALL = 0.0995
"""A ratio from which on two decimals are two significant digits."""


def number(value: float) -> str:
    """Three significant digits, four from a thousand on, with thousands set apart."""
    if abs(value) >= 999.5:
        return f"{float(f'{value:.4g}'):,.0f}"
    return f"{value:.3g}"


def times(value: float) -> str:
    """A ratio: two decimals, and of a small one two significant digits."""
    return f"{value:.2f}" if abs(value) >= _SMALL else f"{value:.2g}"


def estimate(interval: Interval | None) -> str:
    """A value with its interval's bounds."""
    if interval is None:
        return MISSING
    if interval.low is None or interval.high is None:
        return f"{number(interval.mean)} (one block)"
    return f"{number(interval.mean)} [{number(interval.low)}, {number(interval.high)}]"


def ratio(interval: Interval | None) -> str:
    """A ratio with its interval's bounds."""
    if interval is None:
        return MISSING
    if interval.low is None or interval.high is None:
        return f"{times(interval.mean)} (one block)"
    return f"{times(interval.mean)} [{times(interval.low)}, {times(interval.high)}]"


def connections(count: int) -> str:
    """So many of them."""
    return f"{count} connection{'' if count == 1 else 's'}"


def condition_title(condition: Condition) -> str:
    """A condition as a heading."""
    return _load(condition) + added(condition) + _beside(condition)


def _beside(condition: Condition) -> str:
    if condition.beside is None:
        return ""
    return f", beside {connections(condition.beside.connections)} to {condition.beside.endpoint}"


def added(condition: Condition) -> str:
    """What its legs are lengthened by, to follow what else is said of it."""
    if condition.latency is None:
        return ""
    found = [f"+{ms:g} ms to the {leg}" for leg, ms in condition.latency.legs.items() if ms]
    return f", {' and '.join(found) or 'no added latency'}"


def _load(condition: Condition) -> str:
    rows = f"{condition.rows:,} rows"
    if not condition.open_loop:
        window = "" if condition.window_s is None else f", windows of {condition.window_s:g} s"
        return f"{condition.endpoint}, {connections(condition.connections)}, {rows}{window}"
    arrivals = f"{condition.arrivals} arrivals"
    if condition.rate is not None:
        load = f"{condition.rate:g} {arrivals} per second"
    elif condition.share is not None:
        load = f"{arrivals} at {condition.share:.0%} of capacity"
    else:
        assert condition.objective is not None
        o = condition.objective
        load = f"{arrivals} at the highest rate with p{o.percentile:g} up to {o.latency_ms:g} ms"
    return f"{condition.endpoint}, {load}, {condition.connections} connections at most, {rows}"


def load(run: Run) -> str:
    """How the variants of a run were loaded, apart from what each condition says."""
    study = run.study
    if study.ramped:
        return "Locust's users up a ramp, each setup alone"
    kinds = []
    if any(condition.window_s is None for condition in study.conditions):
        kinds.append(f"slices of {study.load.slice_s:g} s in {study.load.rounds} rounds")
    if any(condition.window_s is not None for condition in study.conditions):
        kinds.append("windows as their conditions say")
    return f"{' and '.join(kinds)}, after {study.load.warmup_s:g} s of the same load per variant"


def names(group: tuple[str, ...]) -> str:
    """The members of a tie group in a sentence."""
    if len(group) == 1:
        return group[0]
    return f"{', '.join(group[:-1])} and {group[-1]}"


_DIRTY = "-dirty"
"""What `git describe` adds to a commit."""
_BEST = {
    Measure.CPU: "used the least server CPU per request",
    Measure.THROUGHPUT: "answered the most requests per second",
    Measure.P99: "had the lowest 99th percentile of latency",
    Measure.SUSTAINED: "sustained the highest rate that meets the objective",
}
_MORE = {
    Measure.CPU: "used {} times as much",
    Measure.THROUGHPUT: "answered {} times as many",
    Measure.P99: "had {} times its",
    Measure.SUSTAINED: "sustained {} times its rate",
}


def verdicts(run: Run, analysis: Analysis) -> list[str]:
    """A verdict for every condition, also for those that nothing is known of."""
    known = {result.condition: result for result in analysis.conditions}
    return [
        verdict(known[condition], analysis.baseline)
        if condition in known
        else f"{condition_title(condition)}: not measured."
        for condition in (() if run.study.ramped else run.study.conditions)
    ]


def verdict(result: ConditionResult, baseline: str) -> str:
    """One or two sentences on a condition, made from its data alone."""
    comparison = result.comparisons[ranked(result.condition)[0]]
    where = condition_title(result.condition)
    if not comparison.ranking:
        return f"{where}: no ranking, because {comparison.unsaid or 'nothing was measured'}."
    best = comparison.ranking[0]
    tied = [n for n in comparison.ranking[1:] if _together(comparison, best, n)]
    if len(tied) == len(comparison.ranking) - 1 and tied:
        return (
            f"{where}: {best} {_BEST[comparison.measure]}, but no other could be told "
            "apart from it beyond what two identical servers differ by."
        )
    also = f", with {names(tuple(tied))} not told apart from it" if tied else ""
    return (
        f"{where}: {best} {_BEST[comparison.measure]}{also}; "
        f"{_against_baseline(comparison, best, baseline)}"
    )


def _together(comparison: Comparison, one: str, other: str) -> bool:
    return any(one in group and other in group for group in comparison.groups)


def _against_baseline(comparison: Comparison, best: str, baseline: str) -> str:
    """How the baseline stands to the best, or the last to a baseline that is tied with it.

    The last of those that differ from the baseline: of others nothing is said.
    """
    if baseline == best or _together(comparison, best, baseline):
        others = [name for name in reversed(comparison.ranking) if name != baseline]
        if not others:
            return "no other was measured."
        apart = (name for name in others if not _together(comparison, name, baseline))
        last = next(apart, None)
        if last is None:
            return f"none was told apart from {baseline}."
        told = _times(comparison, ratio(comparison.ratios.get(last)))
        return f"{last} {told}, compared with {baseline}."
    inverse = _inverse(comparison.ratios[best])
    return f"{baseline} {_times(comparison, ratio(inverse))}."


def _times(comparison: Comparison, told: str) -> str:
    return _MORE[comparison.measure].format(told)


def disturbances(analysis: Analysis) -> list[str]:
    """A line for each label that says that trials were disturbed, over the whole run."""
    total = sum(sum(result.trials.values()) for result in analysis.conditions)
    found = [f for r in analysis.conditions for counts in r.findings.values() for f in counts]
    lines: list[str] = []
    for label in Label:
        counts = [f for f in found if f.label is label]
        if counts and label not in LIMITS:
            some = sum(f.trials for f in counts)
            lines.append(
                f"{label}: {some} of {total} trials, e.g. {counts[0].detail}; {REMEDIES[label]}."
            )
    return lines


def stopping(run: Run) -> str:
    """By what rules the run could end early, or measure something again."""
    rules, reruns = run.study.stopping, run.study.reruns
    told: list[str] = []
    if rules.half_width is not None:
        looks = ", ".join(map(str, rules.looks))
        told.append(
            f"ended once every ratio's 95 % interval was within {rules.half_width:.0%}, looked at "
            f"after {looks} blocks"
        )
    if rules.budget_s is not None:
        told.append(f"no block begun that would end after {rules.budget_s / 60:g} min")
    if reruns:
        told.append(f"at most {reruns} noisy phase{'s' if reruns > 1 else ''} measured again")
    return "; ".join(told) or "all planned blocks, none measured again because of noise"


def blocks(run: Run, analysis: Analysis) -> str:
    """How many of those planned were measured, under all conditions or some."""
    if analysis.ramps is None:
        known = {r.condition: max(r.trials.values(), default=0) for r in analysis.conditions}
        counts = [known.get(condition, 0) for condition in run.study.conditions]
    else:
        counts = [cell.trials for cell in analysis.ramps.cells]
    planned = run.study.blocks
    least, most = min(counts, default=0), max(counts, default=0)
    told = f"{least} of {planned} planned block{'s' if planned > 1 else ''} measured"
    return told if least == most else f"{told}, and {most} under some conditions"


def repeat(run: Run) -> dict[str, Any]:
    """The command, and what else it takes for the same to be measured."""
    commit, notes = run.commit, []
    command = shlex.join(_spoken(run.command))  # a stranger's must not do more than run bridgetoll
    if commit is not None and commit.endswith(_DIRTY):
        commit = commit.removesuffix(_DIRTY)
        notes.append("the checkout had changes that were not committed")
    if not run.embedded_database:
        command += " --database-url postgresql://user:password@host:port/name"
        notes.append("on a PostgreSQL of one's own, as this run was")
    if any(word.endswith(".toml") for word in _spoken(command)[1:2]):
        notes.append("with the study in a file of that name")
    return {"command": command, "commit": commit, "notes": notes}


def _spoken(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return [command]


def composition(run: Run) -> str | None:
    """In what the variants differ beside their framework, so that no row is taken for its name."""
    differing: list[str] = []
    measured = [v for name, v in run.variants.items() if name not in run.excluded]
    for factor in dict.fromkeys(key for v in measured for key in v.factors):
        # A factor that a variant does not name does not apply to it.
        values = sorted({v.factors[factor] for v in measured if factor in v.factors})
        if len(values) > 1:
            differing.append(f"{factor} ({', '.join(values)})")
    servers = sorted({v.server for v in measured})
    if len(servers) > 1:
        differing.append(f"server ({', '.join(servers)})")
    if not differing or len({v.framework for v in measured}) < 2:
        return None
    return (
        "These rows are whole stacks, not frameworks alone. Beside the framework they differ in "
        f"{'; '.join(differing)}. What a difference between two rows is due to, they cannot tell"
        f"{'; only the pairs under Contrasts can' if run.study.contrasts else ''}."
    )


def _inverse(interval: Interval) -> Interval:
    return Interval(
        mean=1 / interval.mean,
        low=None if interval.high is None else 1 / interval.high,
        high=None if interval.low is None else 1 / interval.low,
        se=interval.se,
        blocks=interval.blocks,
    )
