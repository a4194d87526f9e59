"""What a run would say of its entries, by the model of blocks and by the rule before it."""

import math
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np

from harness.analysis.noise.fit import Fit, Memory, Series, costs
from harness.analysis.stats.blocks import BlockModel, Estimate
from harness.analysis.stats.pairs import Pairs
from harness.analysis.stats.ties import ALPHA
from harness.analysis.stats.verdicts import Decision, Family, Verdict, decide, to_baseline
from tests.toys.old_rule import OldRule

BASELINE, TWIN = 0, 1
"""The first two entries are the same thing twice, as in every run."""
MARGIN = 0.03
PLANTED = (0.03, 0.05, 0.10)


class Said:
    """The estimates and verdicts on the entries of one simulated run.

    Args:
        means: per block, by entry, the logarithm of its cost.
        entries: how many there are.
    """

    def __init__(self, means: Sequence[Mapping[int, float]], entries: int) -> None:
        self.names = [str(entry) for entry in range(entries)]
        self.model = BlockModel(
            {
                name: {block: m[entry] for block, m in enumerate(means, start=1) if entry in m}
                for entry, name in enumerate(self.names)
            }
        )
        self.variants = [name for entry, name in enumerate(self.names) if entry != TWIN]
        self.pairs = Pairs(self.model, self.variants, MARGIN)
        self._ratios = {
            entry: found
            for entry, name in enumerate(self.names)
            if (found := self.model.difference(name, self.names[BASELINE])) is not None
        }
        self.old = OldRule(means, entries, (BASELINE, TWIN))

    @property
    def others(self) -> list[int]:
        """The variants beside the baseline."""
        return [e for e in range(len(self.names)) if e not in (BASELINE, TWIN)]

    def ratio(self, entry: int, more: float = 0.0) -> Estimate:
        """The logarithm of an entry's ratio to the baseline.

        Args:
            entry: which.
            more: what it costs more than in these data, as a logarithm. The estimate moves by
                exactly that, and its error stays: `tests/unit/analysis/test_calibration.py`.
        """
        found = self._ratios[entry]
        return msgspec.structs.replace(found, mean=found.mean + more)

    def decision(self, entry: int, family: Family, more: float = 0.0) -> Decision:
        """The verdict on that ratio: Tukey's family is that of the letters."""
        size = len(self.variants) if family is Family.TUKEY else len(self.others)
        return decide(self.ratio(entry, more), family, size, MARGIN)

    @property
    def told_apart(self) -> bool:
        """Whether any two variants share no letter."""
        return any(self.pairs.told_apart().values())

    @property
    def off_baseline(self) -> bool:
        """Whether any variant differs from the baseline."""
        others = [self.names[entry] for entry in self.others]
        found = to_baseline(self.model, self.names[BASELINE], others, MARGIN)
        return any(decision.verdict is Verdict.DIFFERS for decision in found.values())


def say(blocks: Sequence[Series], entries: int, memory: Memory | None = None) -> Said:
    """Estimate and judge as an analysis does."""
    return Said(fitted(blocks, memory).means, entries)


def fitted(blocks: Sequence[Series], memory: Memory | None = None) -> Fit:
    """The costs of all entries in all blocks."""
    return costs(blocks, [np.ones(block.value.size) for block in blocks], memory)


class Shares(msgspec.Struct, frozen=True):
    """Of one run whose entries are all identical, each figure from 0 to 1.

    covered, old_covered: 95 % intervals of ratios to the baseline that hold the truth.
    letters, baseline, old: 1 if any difference is called, within the family named.
    found_letters, found_baseline, found_old: by the size of `PLANTED`, the share of variants that
        would be told from the baseline if they were slower by that much.
    same: variants that are called the same as the baseline. edge: likewise, were they slower by as
        much as the margin.
    twins: 1 if the interval of the identical servers holds 1. twins_p: the p value of that.
    half_width: median of these intervals. floor: of the old rule.
    """

    covered: float
    old_covered: float
    letters: float
    baseline: float
    old: float
    found_letters: tuple[float, ...]
    found_baseline: tuple[float, ...]
    found_old: tuple[float, ...]
    same: float
    edge: float
    twins: float
    twins_p: float
    half_width: float
    floor: float


def shares(said: Said) -> Shares:
    """Count, for a run of identical entries, what is right and what is false."""
    others = said.others
    twins = said.ratio(TWIN)
    widths = [said.ratio(entry).interval().half_width or math.inf for entry in others]
    return Shares(
        covered=_mean(abs(said.ratio(e).mean) <= w for e, w in zip(others, widths, strict=True)),
        old_covered=_mean(_holds_zero(said.old, entry) for entry in others),
        letters=float(said.told_apart),
        baseline=float(said.off_baseline),
        old=float(bool(said.old.called())),
        found_letters=_found(said, Family.TUKEY),
        found_baseline=_found(said, Family.DUNNETT),
        found_old=tuple(
            _mean((BASELINE, e) in said.old.called({e: math.log1p(size)}) for e in others)
            for size in PLANTED
        ),
        same=_mean(_is(said, entry, 0.0, Verdict.SAME) for entry in others),
        edge=_mean(_is(said, entry, math.log1p(MARGIN), Verdict.SAME) for entry in others),
        twins=float(twins.p > ALPHA),
        twins_p=twins.p,
        half_width=float(np.median(widths)),
        floor=said.old.floor,
    )


def _found(said: Said, family: Family) -> tuple[float, ...]:
    return tuple(
        _mean(
            said.decision(entry, family, math.log1p(size)).verdict is Verdict.DIFFERS
            for entry in said.others
        )
        for size in PLANTED
    )


def _is(said: Said, entry: int, more: float, verdict: Verdict) -> bool:
    return said.decision(entry, Family.TUKEY, more).verdict is verdict


def _holds_zero(old: OldRule, entry: int) -> bool:
    effect = old.interval((BASELINE, entry))
    assert effect.low is not None
    assert effect.high is not None
    return effect.low <= 0 <= effect.high


def _mean(values: Iterable[bool]) -> float:
    return float(np.mean(list(values)))
