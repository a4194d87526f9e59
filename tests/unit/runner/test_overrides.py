import math

import msgspec
import pytest

from harness.base.errors import UsageError
from harness.inputs.settings import LoadSettings, Ramp
from harness.inputs.study import Condition, Contrast, Pair, Square, Stopping, Study, Waterfall
from harness.runner.overrides import Overrides
from harness.runner.plan import block_s, make_plan
from tests.toys.runs import make_study

STUDY = msgspec.structs.replace(
    make_study(("a/base", "b/other", "c/third"), blocks=10),
    stopping=Stopping(half_width=0.03, looks=(3, 5, 8)),
)
NEEDED_MIN = block_s(STUDY) / 60


def test_no_flag_changes_nothing() -> None:
    assert Overrides().applied(STUDY) == STUDY
    assert Overrides().flags == []


def test_flags_are_told_as_they_are_typed() -> None:
    changes = Overrides(blocks=4, only=("b/other", "c/third"), budget_min=2.5, keep_requests=True)
    assert changes.flags == [
        "--blocks 4", "--only b/other", "--only c/third", "--budget 2.5", "--keep-requests",
    ]  # fmt: skip


@pytest.mark.parametrize(("blocks", "looks"), [(4, (3,)), (5, (3,)), (2, ()), (20, (3, 5, 8))])
def test_another_number_of_blocks_keeps_the_looks_before_its_end(
    blocks: int, looks: tuple[int, ...]
) -> None:
    study = Overrides(blocks=blocks).applied(STUDY)
    assert study.blocks == blocks
    assert study.stopping == Stopping(half_width=0.03, looks=looks)


def test_only_keeps_the_baseline_and_the_studys_order() -> None:
    study = Overrides(only=("c/third",)).applied(STUDY)
    assert study.variants == ("a/base", "c/third")
    assert study.baseline == "a/base"
    assert Overrides(only=("c/third", "b/other")).applied(STUDY).variants == STUDY.variants


def test_a_variant_that_the_study_does_not_have_is_a_sentence() -> None:
    told = r"no variant `d/none` in the study; choose one of: a/base, b/other, c/third\.$"
    with pytest.raises(UsageError, match=told):
        Overrides(only=("b/other", "d/none")).applied(STUDY)


def test_a_budget_takes_as_many_blocks_as_are_expected_to_fit() -> None:
    study = Overrides(budget_min=4.5 * NEEDED_MIN).applied(STUDY)
    assert study.blocks == 4
    assert study.stopping.looks == (3,)
    assert study.stopping.budget_s == pytest.approx(4.5 * NEEDED_MIN * 60)
    assert make_plan(study).expected_s <= 4.5 * NEEDED_MIN * 60


def test_a_budget_never_adds_blocks() -> None:
    study = Overrides(budget_min=1_000.0).applied(STUDY)
    assert study.blocks == 10
    assert study.stopping == Stopping(half_width=0.03, looks=(3, 5, 8), budget_s=60_000.0)


def test_a_budget_counts_what_the_other_flags_left() -> None:
    """Fewer variants make shorter blocks, so more of them fit."""
    budget = 3.2 * NEEDED_MIN
    assert Overrides(budget_min=budget).applied(STUDY).blocks == 3
    assert Overrides(only=("b/other",), budget_min=budget).applied(STUDY).blocks > 3
    assert Overrides(blocks=2, budget_min=budget).applied(STUDY).blocks == 2


def test_a_budget_without_room_for_a_block_is_a_sentence_with_what_would_do() -> None:
    with pytest.raises(UsageError) as caught:
        Overrides(budget_min=0.9 * NEEDED_MIN).applied(STUDY)
    message = str(caught.value)
    assert message.startswith(f"--budget: one block of this study takes about {NEEDED_MIN:.1f} min")
    enough = float(message.partition("; allow ")[2].partition(",")[0])
    assert Overrides(budget_min=enough).applied(STUDY).blocks == 1


def test_single_requests_are_kept_where_asked_for_and_nothing_else_changes() -> None:
    study = Overrides(keep_requests=True).applied(STUDY)
    assert study.load.keep_requests
    load = msgspec.structs.replace(study.load, keep_requests=False)
    assert msgspec.structs.replace(study, load=load) == STUDY


COMPARING = msgspec.structs.replace(
    STUDY,
    groups={"few": ("b/other", "d/grouped")},
    contrasts=(
        Contrast("near", "t", of="a/base", to="b/other"),
        Contrast("far", "t", of="b/other", to="c/third"),
        Contrast("twice", "t", of="a/base", to="b/other", against=Pair("b/other", "c/third")),
    ),
    waterfalls=(
        Waterfall("short", ("a/base", "b/other")),
        Waterfall("long", ("a/base", "b/other", "c/third")),
    ),
    squares=(
        Square("small", "x", "y", (("a/base", "b/other"), ("b/other", "a/base"))),
        Square("large", "x", "y", (("a/base", "b/other"), ("c/third", "d/grouped"))),
    ),
)


def test_only_keeps_the_comparisons_of_which_every_variant_is_kept() -> None:
    study = Overrides(only=("b/other",)).applied(COMPARING)
    assert [contrast.name for contrast in study.contrasts] == ["near"]
    assert [waterfall.title for waterfall in study.waterfalls] == ["short"]
    assert [square.title for square in study.squares] == ["small"]


def test_only_keeps_all_comparisons_where_it_keeps_all_variants() -> None:
    everyone = ("b/other", "c/third", "d/grouped")
    assert Overrides(only=everyone).applied(COMPARING) == COMPARING


def test_only_keeps_of_a_group_what_it_names() -> None:
    assert Overrides(only=("b/other",)).applied(COMPARING).groups == {"few": ("b/other",)}


def test_a_group_of_which_only_leaves_nobody_goes_with_its_conditions() -> None:
    few = Condition("noop", group="few")
    study = msgspec.structs.replace(COMPARING, conditions=(*COMPARING.conditions, few))
    kept = Overrides(only=("c/third",)).applied(study)
    assert kept.groups == {}
    assert few not in kept.conditions
    assert few in Overrides(only=("b/other",)).applied(study).conditions


def test_only_can_name_a_variant_that_stands_in_a_group_alone() -> None:
    study = Overrides(only=("d/grouped",)).applied(COMPARING)
    assert study.variants == ("a/base",)
    assert study.everyone == ("a/base", "d/grouped")


def test_an_unknown_variant_is_told_with_those_of_the_groups_too() -> None:
    with pytest.raises(UsageError, match=r"one of: a/base, b/other, c/third, d/grouped\.$"):
        Overrides(only=("d/none",)).applied(COMPARING)


RAMPED = msgspec.structs.replace(
    make_study(("a/base", "b/other", "c/third"), blocks=10),
    load=LoadSettings(engine="locust", ramp=Ramp(per_s=5.0, hold_s=80.0, client="http")),
)


def test_a_scaled_ramp_has_the_same_users_in_less_time() -> None:
    study = Overrides(scale=0.1).applied(RAMPED)
    assert study.load.ramp == Ramp(per_s=50.0, hold_s=8.0, client="http")
    assert study.conditions == RAMPED.conditions
    assert block_s(study) < block_s(RAMPED)


def test_scaling_a_ramp_changes_nothing_else() -> None:
    study = Overrides(scale=0.1).applied(RAMPED)
    load = msgspec.structs.replace(study.load, ramp=RAMPED.load.ramp)
    assert msgspec.structs.replace(study, load=load) == RAMPED


@pytest.mark.parametrize(("scale", "shortened"), [(None, None), (1.0, None), (0.25, 0.25)])
def test_a_ramp_in_its_full_time_is_not_shortened(
    scale: float | None, shortened: float | None
) -> None:
    assert Overrides(scale=scale).shortened == shortened


def test_the_scale_is_told_as_it_is_typed() -> None:
    assert Overrides(scale=0.25).flags == ["--scale 0.25"]
    assert Overrides(blocks=2, scale=0.1).flags == ["--blocks 2", "--scale 0.1"]


@pytest.mark.parametrize("scale", [0.1, 1.0])
def test_a_study_without_a_ramp_has_nothing_to_scale(scale: float) -> None:
    with pytest.raises(UsageError) as caught:
        Overrides(scale=scale).applied(STUDY)
    assert str(caught.value) == (
        "--scale shortens Locust's ramp, and this study has none; leave it out, or measure less "
        "with --blocks."
    )


@pytest.mark.parametrize(("times", "blocks"), [(1.5, 1), (3.2, 3), (100.0, 10)])
def test_a_budget_counts_the_ramp_as_it_is_scaled(times: float, blocks: int) -> None:
    needed_min = block_s(Overrides(scale=0.1).applied(RAMPED)) / 60
    study = Overrides(scale=0.1, budget_min=times * needed_min).applied(RAMPED)
    assert study.blocks == blocks
    assert study.load.ramp == Ramp(per_s=50.0, hold_s=8.0, client="http")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.0, -1.0, 1e9])
@pytest.mark.parametrize("flag", ["budget_min", "scale"])
def test_a_number_that_is_none_or_out_of_range_is_refused_by_its_flag(
    flag: str, value: float
) -> None:
    with pytest.raises(UsageError, match=r"--(budget|scale) is .*; it must be a number from 0\.01"):
        msgspec.structs.replace(Overrides(), **{flag: value}).applied(RAMPED)


def test_a_variant_that_is_named_twice_is_told_once() -> None:
    assert Overrides(only=("b/other", "b/other")).flags == ["--only b/other"]


def test_single_requests_cannot_be_kept_of_locusts() -> None:
    with pytest.raises(UsageError, match="--keep-requests does nothing with Locust"):
        Overrides(keep_requests=True).applied(RAMPED)


@pytest.mark.parametrize("hold_s", [0.001, 80.0])
def test_a_ramp_shortened_as_far_as_can_be_is_still_one_that_can_be_read_back(
    hold_s: float,
) -> None:
    load = msgspec.structs.replace(RAMPED.load, ramp=Ramp(per_s=10_000, hold_s=hold_s))
    study = Overrides(scale=0.01).applied(msgspec.structs.replace(RAMPED, load=load))
    assert msgspec.json.decode(msgspec.json.encode(study), type=Study) == study
