"""The one line of caution on two runs: what limits the trust in their ratios."""

from collections.abc import Sequence

from harness.analysis.runs import ComparedVariant, RunComparison, RunVerdict
from harness.report.answer.caution import Caution
from harness.report.words import numbers
from harness.report.words.sentences import listed

_FEW_BLOCKS = 4
"""With fewer, an interval by Student's t is three half-widths of many blocks or more."""

_MOSTLY = 0.5
"""Share of a run's trials from which on a busy machine is told."""
_LONG = 60
"""Characters of a reason up to which it stands in the line; the details have it in any case."""


def caution(comparison: RunComparison, reasons: Sequence[str]) -> Caution | None:
    """The most important doubt, and the others; None without any.

    Args:
        comparison: of the runs.
        reasons: why they were not measured alike, as clauses; see `check_comparable`.
    """
    alarms = [_unlike(reasons), _ungrounded(comparison), _moved(comparison)]
    plain = [_busy(comparison), _few(comparison), _silent(comparison), _alone(comparison)]
    lines = [line for line in (*alarms, *plain) if line]
    if not lines:
        return None
    return Caution(lines[0], alarm=any(alarms), others=tuple(lines[1:]))


def _unlike(reasons: Sequence[str]) -> str:
    """What differs around the variants, without the details."""
    if not reasons:
        return ""
    what = [reason.partition(" differ in ")[0] for reason in reasons]
    return f"The runs were not measured alike: {listed(what)} differ."


def _ungrounded(comparison: RunComparison) -> str:
    """That ratios hold the machine's change, because no variant is common ground."""
    missing = [r for r in comparison.references if r.missing is not None]
    if not missing or not _estimated(comparison) or not comparison.speed:
        return ""
    under = "" if len(missing) == len(comparison.references) else (
        f" under {len(missing)} of {len(comparison.references)} conditions"
    )  # fmt: skip
    why = f": {missing[0].missing}" if len(missing[0].missing or "") <= _LONG else ""
    return f"No common ground{under}, so the machine's change is in the ratios{why}."


def _moved(comparison: RunComparison) -> str:
    """A variant that no record calls changed, and that changed."""
    moved = {name: ratio for r in comparison.references for name, ratio in r.changed.items()}
    if not moved:
        return ""
    if len(moved) > 1:
        return f"{len(moved)} variants changed though no record says so; they are no reference."
    name, ratio = next(iter(moved.items()))
    return (
        f"{name} changed ({numbers.times(ratio.mean)}) though no record says so; it is no "
        "reference."
    )


def blocks(comparison: RunComparison) -> tuple[int, int]:
    """The most blocks that a pair has in A, and in B; 0 without figures."""
    a, b = (
        max((i.blocks for side in sides for i in side.values()), default=0)
        for sides in ([p.a for p in comparison.pairs], [p.b for p in comparison.pairs])
    )
    return a, b


def _busy(comparison: RunComparison) -> str:
    """That the machine was busy for most of a run: its noise cancels within a run only."""
    told = [
        f"{busy:,} of {trials:,} trials of {run}"
        for run, (busy, trials) in (("A", comparison.busy_a), ("B", comparison.busy_b))
        if busy > _MOSTLY * trials
    ]
    if not told or not comparison.speed or not _estimated(comparison):
        return ""
    return (
        f"The machine was busy during {' and '.join(told)}, which may slow some variants more than "
        "others. Run again when it is quiet."
    )


def _estimated(comparison: RunComparison) -> bool:
    """Whether any pair has a ratio."""
    return any(pair.ratio_b_to_a is not None for pair in comparison.pairs)


def _few(comparison: RunComparison) -> str:
    a, b = blocks(comparison)
    if not min(a, b) or min(a, b) >= _FEW_BLOCKS or not _estimated(comparison):
        return ""
    if min(a, b) == 1:
        which = "Both runs have" if a == b else f"{'A' if a == 1 else 'B'} has"
        return f"{which} one block, so there is no verdict; measure more."
    return f"Few blocks ({a} in A, {b} in B): more would narrow the intervals."


def _silent(comparison: RunComparison) -> str:
    """Pairs without a verdict for a reason of their own."""
    silent: list[ComparedVariant] = [
        p for p in comparison.pairs if p.verdict is RunVerdict.NOT_COMPARABLE
    ]
    if not silent or not comparison.comparable:
        return ""
    told = f"{silent[0].variant} is" if len(silent) == 1 else f"{len(silent)} pairs are"
    return f"{told} not comparable; the table says why."


def _alone(comparison: RunComparison) -> str:
    """Variants that one run alone measured; where nothing is compared, the headline says so."""
    told = [
        f"only {run} measured {next(iter(names)) if len(names) == 1 else f'{len(names)} variants'}"
        for run, places in (("A", comparison.only_in_a), ("B", comparison.only_in_b))
        if (names := {place.variant for place in places})
    ]
    return f"Not compared: {', and '.join(told)}." if told and comparison.pairs else ""
