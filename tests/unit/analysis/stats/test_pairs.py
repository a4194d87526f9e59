"""Every pair of one condition: its ratio, its verdict, and what the family costs."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.analysis.stats.blocks import BlockModel
from harness.analysis.stats.pairs import Pairs
from harness.analysis.stats.simultaneous import tukey_critical
from harness.analysis.stats.ties import ALPHA
from harness.analysis.stats.verdicts import POWER, Family, Verdict, decide

MARGIN = 0.03
NAMES = ("a/base", "b/same", "c/slow", "d/slower")
Values = dict[str, dict[int, float]]

BY_BLOCK = st.dictionaries(
    st.integers(1, 8), st.floats(-3, 3, allow_nan=False, width=32), max_size=8
)


def drawn(seed: int, effects: dict[str, float], blocks: int = 6, sd: float = 0.01) -> Values:
    """Logarithms of entries with these true effects; blocks differ by a fifth."""
    draw = np.random.default_rng(seed)
    level = draw.normal(0, 0.2, blocks)
    return {
        name: {b + 1: float(level[b] + effect + draw.normal(0, sd)) for b in range(blocks)}
        for name, effect in effects.items()
    }


def pairs_of(values: Values) -> Pairs:
    return Pairs(BlockModel(values), tuple(values), MARGIN)


SPREAD = drawn(1, {"a/base": 0.0, "b/same": 0.0, "c/slow": 0.1, "d/slower": 0.2})


@settings(max_examples=40, deadline=None)
@given(st.lists(BY_BLOCK, min_size=2, max_size=5))
def test_each_pair_has_the_ratio_and_verdict_that_the_model_gives_it_alone(
    found: list[dict[int, float]],
) -> None:
    values = {f"v/{at}": by_block for at, by_block in enumerate(found)}
    model = BlockModel(values)
    pairs = Pairs(model, tuple(values), MARGIN)
    for one in values:
        for other in values:
            alone = model.difference(one, other) if one != other else None
            effect = pairs.effect(one, other)
            if alone is None:
                assert effect is None
                assert pairs.decision(one, other) is None
                continue
            assert effect is not None
            assert effect.mean == pytest.approx(alone.mean, abs=1e-9)
            assert effect.se == (None if alone.se is None else pytest.approx(alone.se, rel=1e-6))
            wanted = decide(effect, Family.TUKEY, len(pairs.entries), MARGIN)
            assert pairs.decision(one, other) == wanted


def test_a_pair_turned_round_has_the_inverse_ratio_and_the_same_verdict() -> None:
    pairs = pairs_of(SPREAD)
    there, back = pairs.decision("c/slow", "a/base"), pairs.decision("a/base", "c/slow")
    assert there is not None
    assert back is not None
    assert there.verdict is back.verdict is Verdict.DIFFERS
    assert there.interval.mean == pytest.approx(1 / back.interval.mean)
    assert there.interval.low is not None
    assert back.interval.high is not None
    assert there.interval.low == pytest.approx(1 / back.interval.high)


def test_a_planted_tenth_differs_and_identical_entries_do_not() -> None:
    apart = pairs_of(SPREAD).told_apart()
    assert len(apart) == 6
    assert [sorted(pair) for pair, differs in apart.items() if not differs] == [
        ["a/base", "b/same"]
    ]


def test_precise_identical_entries_are_the_same() -> None:
    found = pairs_of(drawn(2, dict.fromkeys(NAMES, 0.0), sd=0.004)).decision("a/base", "b/same")
    assert found is not None
    assert found.verdict is Verdict.SAME


def test_every_entry_more_makes_a_call_harder() -> None:
    """The family is all pairs, so its critical value grows with the number of entries."""
    six = dict.fromkeys([*NAMES, "e/more", "f/more"], 0.0) | {"c/slow": 0.1}
    values = drawn(3, six)
    few = Pairs(BlockModel(values), NAMES[:3], MARGIN).decision("c/slow", "a/base")
    many = Pairs(BlockModel(values), tuple(six), MARGIN).decision("c/slow", "a/base")
    assert few is not None
    assert many is not None
    assert few.interval.half_width is not None
    assert many.interval.half_width is not None
    assert many.interval.half_width > few.interval.half_width


def test_a_variant_without_a_good_block_has_no_ratio_and_takes_no_part_in_the_family() -> None:
    values = SPREAD | {"e/none": {}}
    with_it, without = pairs_of(values), pairs_of(SPREAD)
    assert with_it.entries == without.entries == NAMES
    assert with_it.effect("a/base", "e/none") is None
    assert with_it.decision("c/slow", "a/base") == without.decision("c/slow", "a/base")


def test_one_block_tells_no_two_apart() -> None:
    pairs = pairs_of({name: {1: by_block[1]} for name, by_block in SPREAD.items()})
    found = pairs.decision("d/slower", "a/base")
    assert found is not None
    assert found.interval.mean == pytest.approx(
        math.exp(SPREAD["d/slower"][1] - SPREAD["a/base"][1])
    )
    assert (found.verdict, found.at_most) == (Verdict.UNDECIDED, None)
    assert not any(pairs.told_apart().values())
    assert pairs.detectable("a/base") is None


def test_what_is_detectable_is_that_of_a_ratio_of_average_precision() -> None:
    values = drawn(4, dict.fromkeys(NAMES, 0.0))
    for block in (4, 5, 6):
        del values["c/slow"][block]
    pairs = pairs_of(values)
    effects = [pairs.effect(name, "a/base") for name in NAMES[1:]]
    found = pairs.detectable("a/base")
    assert found is not None
    each = [
        (e.se or 0.0) * (tukey_critical(4, e.freedom, ALPHA) + quantile(e.freedom))
        for e in effects
        if e is not None
    ]
    assert min(each) < found < max(each)
    assert found == pytest.approx(math.sqrt(sum(size**2 for size in each) / 3))


def quantile(freedom: float) -> float:
    """Below which Student's t lies in four of five cases."""
    return float(stats.t.ppf(POWER, freedom))


def test_what_is_detectable_is_called_in_about_four_of_five_runs() -> None:
    """A tenth of the runs tells how much; the others have a true difference of that size."""
    sd, runs = 0.02, 300
    told = [
        pairs_of(drawn(seed, dict.fromkeys(NAMES, 0.0), sd=sd)).detectable("a/base")
        for seed in range(100)
    ]
    size = float(np.median([value for value in told if value is not None]))
    effects = dict.fromkeys(NAMES, 0.0) | {"c/slow": size}
    called = 0
    for seed in range(1_000, 1_000 + runs):
        found = pairs_of(drawn(seed, effects, sd=sd)).decision("c/slow", "a/base")
        assert found is not None
        called += found.verdict is Verdict.DIFFERS
    assert 0.7 <= called / runs <= 0.95
