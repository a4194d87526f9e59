"""The rows of the picture of two runs."""

import msgspec

from harness.analysis.measures import Measure
from harness.analysis.runs import RunVerdict
from harness.report.charts.forest import Tone
from harness.report.comparison.hero import foremost, forest_axis, forest_rows
from tests.toys.comparisons import COMPARISON, PAIRS, pair


def test_every_pair_has_a_row_with_figure_and_verdict() -> None:
    rows = forest_rows(COMPARISON)
    assert len(rows) == len(PAIRS)
    assert [row.label for row in rows] == [p.variant for p in PAIRS]
    slower, same, undecided, silent, _, reference, faster = rows
    assert slower.told == "1.11 [1.08, 1.15] slower"
    assert slower.brief == "1.11 slower"
    assert (slower.tone, same.tone, faster.tone) == (Tone.WORSE, Tone.SAME, Tone.BETTER)
    assert undecided.told.endswith("undecided, at most 7 %")
    assert (silent.ratio, silent.told, silent.tone) == (None, "no figures in B", Tone.OPEN)
    assert (reference.ratio, reference.told) == (None, "reference")


def test_groups_name_the_request() -> None:
    assert {row.group for row in forest_rows(COMPARISON)} == {"A read", "A CPU-bound request"}


def test_the_axis_tells_which_side_is_faster() -> None:
    axis = forest_axis(COMPARISON)
    assert (axis.less, axis.more, axis.band) == ("B faster", "B slower", 0.03)
    assert axis.band_label == "the same within 3 %"
    more = forest_axis(msgspec.structs.replace(COMPARISON, measure=Measure.THROUGHPUT))
    assert (more.less, more.more) == ("B slower", "B faster")
    memory = forest_axis(msgspec.structs.replace(COMPARISON, measure=Measure.MEMORY, margin=0.0))
    assert (memory.less, memory.more, memory.band_label) == ("B smaller", "B larger", "")


def test_of_many_pairs_those_that_changed_come_first_and_keep_their_order() -> None:
    same = [pair(f"a/{n}", RunVerdict.SAME, 500, 500 + n) for n in range(10)]
    slower = pair("z/slower", RunVerdict.SLOWER, 500, 505)
    undecided = pair("y/open", RunVerdict.UNDECIDED, 500, 501, at_most=0.1)
    many = msgspec.structs.replace(COMPARISON, pairs=(*same, undecided, slower))
    assert [p.variant for p in foremost(many, 3)] == ["a/9", "y/open", "z/slower"]
    assert foremost(many, 12) == list(many.pairs)
