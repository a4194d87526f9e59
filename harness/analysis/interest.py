"""The pairs that a run is about, and their verdicts: `[stopping] verdicts` waits for them."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from harness.analysis.causes.explain import Causes
from harness.analysis.condition import MeasuredCondition
from harness.analysis.measures import Measure, ranked
from harness.analysis.stats.verdicts import Verdict, same_within
from harness.analysis.variants import Comparison
from harness.inputs.study import Condition
from harness.records.run import Run


class PairVerdict(msgspec.Struct, frozen=True):
    """The verdict on the ratio of one variant to another under one condition."""

    condition: Condition
    measure: Measure
    of: str
    to: str
    verdict: Verdict


class Interest(msgspec.Struct, frozen=True):
    """What a run that may end by its verdicts knows of its pairs.

    pairs: those that have a ratio. blocks: measured under every condition, of those planned.
    """

    pairs: tuple[PairVerdict, ...]
    blocks: int
    planned: int

    @property
    def undecided(self) -> int:
        """How many of the pairs are."""
        return sum(pair.verdict is Verdict.UNDECIDED for pair in self.pairs)

    @property
    def decided(self) -> bool:
        """Whether there are pairs, and all of them are decided."""
        return bool(self.pairs) and not self.undecided


def interest_of(
    run: Run,
    conditions: Sequence[MeasuredCondition],
    comparisons: Sequence[Mapping[Measure, Comparison]],
    causes: Causes,
) -> Interest | None:
    """Judge the pairs of a run: its study's declared pairs, or else all ratios to the baseline.

    Declared pairs are judged by CPU per request, where a condition has it; ratios by the first
    measure that ranks there. Where none does, more blocks would not help, and nothing is waited
    for.

    Args:
        run: its study.
        conditions, comparisons: that it measured, and by each measure what is said of them.
        causes: with the tests of declared pairs.

    Returns:
        None if the study does not ask for verdicts.
    """
    if not run.study.stopping.verdicts or not conditions:
        return None
    declared = bool(run.study.pairs)
    pairs = _declared(conditions, causes) if declared else _ratios(conditions, comparisons)
    return Interest(
        pairs=tuple(pairs),
        blocks=min(len(measured.blocks) for measured in conditions),
        planned=run.study.blocks,
    )


def _ratios(
    conditions: Sequence[MeasuredCondition], comparisons: Sequence[Mapping[Measure, Comparison]]
) -> Iterator[PairVerdict]:
    for measured, by_measure in zip(conditions, comparisons, strict=True):
        judged = [m for m in ranked(measured.condition) if by_measure[m].decisions]
        for measure in judged[:1]:
            for name, decision in by_measure[measure].decisions.items():
                pair = name, measured.baseline
                yield PairVerdict(measured.condition, measure, *pair, decision.verdict)


def _declared(conditions: Sequence[MeasuredCondition], causes: Causes) -> Iterator[PairVerdict]:
    by_condition = {measured.condition: measured for measured in conditions}
    for found in causes.conditions:
        measured = by_condition[found.condition]
        for effect in found.effects:
            contrast = effect.contrast
            if effect.factor is not None or contrast.against is not None:
                continue
            ratio = measured.contrast(Measure.CPU, contrast.weights)
            margin, looks = measured.run.study.margin, measured.looks
            verdict = Verdict.UNDECIDED
            if effect.called:
                verdict = Verdict.DIFFERS
            elif ratio is not None and same_within(ratio, margin, looks):
                verdict = Verdict.SAME
            yield PairVerdict(found.condition, Measure.CPU, contrast.of, contrast.to, verdict)
