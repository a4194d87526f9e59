"""What more workers gain: the headline of a sweep over workers, and its caution."""

from collections.abc import Sequence

import msgspec

from harness.analysis.analyse import Analysis
from harness.analysis.scaling import Scaling, direction
from harness.analysis.stats.interval import Interval
from harness.inputs.conditions import requests, workers
from harness.records.run import Run
from harness.report.words import numbers
from harness.report.words.sentences import capital
from harness.report.words.verdicts import one_block

_PAIR = 2


class _Change(msgspec.Struct, frozen=True):
    """From one number of workers to another: the ratio of throughputs of each stack."""

    before: int
    after: int
    ratios: dict[str, Interval]

    def shown(self, way: int) -> dict[str, Interval]:
        """The stacks that are shown to gain (1), or to lose (-1)."""
        family = len(self.ratios)
        return {n: r for n, r in self.ratios.items() if direction(r, family) == way}


def headline(run: Run, analysis: Analysis, endpoint: str) -> list[str]:
    """What workers gain as far as there are cores for them, and what more of them do."""
    own = [s for s in analysis.scalings if s.endpoint == endpoint]
    cores = len(run.cores.application)
    numbers_of_workers = sorted({step.workers for s in own for step in s.steps})
    first = numbers_of_workers[0]
    on_cores = [n for n in numbers_of_workers[1:] if n <= cores]
    most = on_cores[-1] if on_cores else numbers_of_workers[-1]
    growth = _Change(first, most, _ratios(own, most, "speedup"))
    asked = requests(endpoint)
    if all(ratio.low is None for ratio in growth.ratios.values()):
        return one_block(_told(growth))
    text = [_growth(growth, asked)]
    beyond = [n for n in numbers_of_workers if n > most]
    if beyond:
        text.append(_beyond(_Change(most, beyond[0], _ratios(own, beyond[0], "gain")), cores))
    elif most > cores:
        text.append(f"They share {_cores(cores)}.")
    return text


def _ratios(own: Sequence[Scaling], count: int, which: str) -> dict[str, Interval]:
    found: dict[str, Interval] = {}
    for scaling in own:
        for step in scaling.steps:
            ratio: Interval | None = step.speedup if which == "speedup" else step.gain
            if step.workers == count and ratio is not None:
                found[scaling.entry] = ratio
    return found


def _growth(change: _Change, asked: str) -> str:
    gaining = change.shown(1)
    with_more = f"with {workers(change.after)}"
    if not gaining:
        losing = change.shown(-1)
        if losing:
            return _begun(
                f"{_who(losing, change)} {_times(losing)} as many {asked} {with_more} "
                f"as with {change.before}."
            )
        return f"No stack is shown to answer more {asked} {with_more} than with {change.before}."
    who = _who(gaining, change)
    return _begun(f"{who} {_times(gaining)} as many {asked} {with_more} as with {change.before}.")


def _beyond(change: _Change, cores: int) -> str:
    """What workers without a core of their own do."""
    gaining, losing = change.shown(1), change.shown(-1)
    at = f"With {change.after} on {_cores(cores)}"
    if gaining and losing:
        return (
            f"{at}, {len(gaining)} of {len(change.ratios)} stacks answer more than with "
            f"{change.before}, and {len(losing)} less."
        )
    shown = gaining or losing
    if not shown:
        return f"{at}, no stack is shown to answer more than with {change.before}."
    return f"{at}, {_who(shown, change)} {_times(shown)} as many as with {change.before}."


def _who(shown: dict[str, Interval], change: _Change) -> str:
    if len(shown) == 1:
        return next(iter(shown))
    if len(shown) == len(change.ratios):
        return "both stacks" if len(shown) == _PAIR else f"all {len(shown)} stacks"
    return f"{len(shown)} of {len(change.ratios)} stacks"


def _begun(sentence: str) -> str:
    """With a capital, unless a variant's name begins it: that is written as it is."""
    return capital(sentence) if sentence.startswith(("all ", "both ")) else sentence


def _times(shown: dict[str, Interval]) -> str:
    """E.g. `answer 1.4 to 1.8 times`."""
    verb = "answers" if len(shown) == 1 else "answer"
    means = [ratio.mean for ratio in shown.values()]
    texts = dict.fromkeys(numbers.rough(mean) for mean in (min(means), max(means)))
    return f"{verb} {' to '.join(texts)} times"


def _told(change: _Change) -> str:
    """The same of estimates without an interval."""
    who = _who(change.ratios, change)
    return (
        f"{who} {_times(change.ratios)} as many with {workers(change.after)} as with "
        f"{change.before}"
    )


def _cores(count: int) -> str:
    return f"{count} core{'' if count == 1 else 's'}"


def shared_cores(run: Run, analysis: Analysis) -> str:
    """That workers share their cores with what loads them; empty where they do not, or no study of
    workers was made.
    """
    cores = run.cores
    mine = set(cores.application)
    others = [
        name
        for name, used in (("PostgreSQL", cores.database), ("the generator", cores.load))
        if mine & set(used)
    ]
    if not analysis.scalings or not others:
        return ""
    return (
        f"Workers share their {_cores(len(mine))} with {' and '.join(others)}, which leave them "
        "less than that."
    )
