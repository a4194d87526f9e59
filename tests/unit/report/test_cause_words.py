import msgspec
import pytest

from harness.analysis.causes import Causes, ConditionCauses
from harness.analysis.intervals import Interval
from harness.analysis.prices import Forecast, Price, PriceList
from harness.analysis.slopes import Slope
from harness.analysis.squares import Corner, Interaction
from harness.analysis.waterfalls import Fall, Step
from harness.report.cause_words import (
    fall_sentences,
    interaction_sentences,
    predictions,
    price_sentences,
    sign,
    slope_sentence,
    toll_names,
    verdict,
)
from harness.study import Condition


def about(mean: float, half: float = 1.0) -> Interval:
    return Interval(mean, mean - half, mean + half, half / 2, 6)


def step(variant: str, added: float, half: float = 1.0) -> Step:
    return Step(variant, f"factor: a to {variant}", about(added, half), about(added / 100, 0.01))


def fall(*steps: Step) -> Fall:
    total = sum(s.added.mean for s in steps)
    return Fall("way", "lean", about(50), steps, about(50 + total))


def square(ratio: Interval, across: tuple[float, float] = (2.0, 1.0)) -> Interaction:
    corners = tuple(
        Corner(f"{row}{column}", row, column, about(100))
        for row in ("zero-hop", "stock")
        for column in ("per-query", "none")
    )
    return Interaction(
        title="T", rows="lifecycle", columns="bridge", corners=corners,
        across={"zero-hop": about(across[0], 0.1), "stock": about(across[1], 0.1)},
        down={"per-query": about(1, 0.1), "none": about(2, 0.1)},
        ratio=ratio, difference=about(-50),
    )  # fmt: skip


def test_the_longest_step_of_a_waterfall_is_told_first() -> None:
    text = fall_sentences(fall(step("b", 20), step("c", 80)))
    assert text.startswith("c uses 3 times the server CPU of lean, 150 µs per request against 50.")
    assert text.index("factor: a to c, 80 [79, 81] µs (80%)") < text.index("factor: a to b")


def test_a_step_that_saves_is_not_told_as_a_cost() -> None:
    text = fall_sentences(fall(step("b", -20), step("c", 120)))
    assert "Cheaper, not dearer: factor: a to b, -20 [-21, -19] µs (-20%)." in text


def test_a_step_within_its_interval_is_told_as_nothing() -> None:
    text = fall_sentences(fall(step("b", 1, 5), step("c", 99)))
    assert "Not told apart from nothing: factor: a to b" in text


def test_one_block_tells_steps_and_judges_none() -> None:
    single = Interval(40, None, None, None, 1)
    found = Fall("way", "lean", single, (Step("b", "factor: a to b", single, single),), single)
    text = fall_sentences(found)
    assert "Its steps in this one block: factor: a to b, 40 (one block) µs" in text
    assert "Not told apart" not in text


def causes_under(*conditions: Condition) -> Causes:
    falls = (fall(step("b", 20)),)
    made = tuple(ConditionCauses(c, (), falls, (square(about(0.5, 0.1)),), ()) for c in conditions)
    return Causes(made, (), ())


def test_the_verdict_is_of_conditions_that_do_work_and_have_every_variant() -> None:
    text = verdict(
        causes_under(
            Condition("noop"), Condition("io_read"), Condition("io_create", group="core"),
        )
    )  # fmt: skip
    assert text is not None
    assert text.startswith("On io_read, 32 connections, 1,000 rows: b uses 1.4 times")
    assert "with lifecycle stock, bridge per-query costs 1.00" in text
    assert "noop" not in text
    assert "io_create" not in text


def test_without_other_conditions_an_empty_answer_is_judged_too() -> None:
    assert "On noop" in str(verdict(causes_under(Condition("noop"))))
    assert verdict(Causes((), (), ())) is None


def test_an_interaction_names_the_side_on_which_the_effect_is_larger() -> None:
    smaller = interaction_sentences(square(about(0.5, 0.1)))
    assert "with lifecycle zero-hop, bridge per-query costs 2.00 [1.90, 2.10] times" in smaller
    assert smaller.endswith("it is larger with lifecycle zero-hop.")
    assert interaction_sentences(square(about(2.0, 0.1))).endswith(
        "it is larger with lifecycle stock."
    )


def test_without_an_interaction_the_effects_are_said_to_multiply() -> None:
    text = interaction_sentences(square(about(1.0, 0.1)))
    assert "multiply as far as this run can tell" in text
    assert "depends" not in text


def test_a_slope_tells_the_first_hop_and_the_further_ones() -> None:
    text = slope_sentence(Slope("x/y", {0: about(1)}, about(60), about(90), about(50)))
    assert "60 [59, 61] µs, the first 90 [89, 91] and each further one 50 [49, 51]" in text


def price_list(connections: int, hop: Interval, by_block: dict[int, float]) -> PriceList:
    price = Price("hop (asgiref)", hop, by_block)
    return PriceList(connections, 9, (Price("stack: a", about(1), {}), price), ())


def said(*lists: PriceList) -> str:
    return " ".join(predictions(Causes((), (), lists)))


@pytest.mark.parametrize(
    ("hop", "verdict"),
    [
        (about(50, 5), "the prediction holds"),
        (about(150, 5), "is refuted: it costs more"),
        (about(5, 1), "is refuted: it costs less"),
        (about(98, 5), "is neither confirmed nor refuted"),
        (Interval(50, None, None, None, 1), "can be judged from two blocks on"),
    ],
)
def test_the_first_prediction_is_judged_by_the_interval(hop: Interval, verdict: str) -> None:
    assert verdict in said(price_list(1, hop, {}))


@pytest.mark.parametrize(
    ("later", "verdict"),
    [
        ({1: 81.0, 2: 80.0, 3: 79.0}, "it grows"),
        ({1: 21.0, 2: 20.0, 3: 19.0}, "it falls"),
        ({1: 70.0, 2: 50.0, 3: 31.0}, "does not change as far as this run can tell"),
        ({1: 80.0}, "can be judged from two blocks on"),
    ],
)
def test_the_second_prediction_is_judged_block_by_block(
    later: dict[int, float], verdict: str
) -> None:
    first = price_list(1, about(50), {1: 50.0, 2: 50.5, 3: 49.5})
    text = said(first, price_list(64, about(60), later))
    assert "from 1 connection to 64 connections" in text
    assert verdict in text


def test_nothing_is_predicted_without_prices() -> None:
    assert predictions(Causes((), (), ())) == []


def test_prices_say_how_well_they_predict() -> None:
    found = msgspec.structs.replace(
        price_list(1, about(50), {}),
        forecasts=(Forecast("a/b", "noop", 100, 110), Forecast("c/d", "io_read", 100, 60)),
    )
    text = price_sentences(found)
    assert "1 of 2 costs lie within 15%" in text
    assert "the largest -40% (c/d, io_read)" in text
    assert "No variant could be left out" in price_sentences(price_list(1, about(50), {}))


def test_tolls_are_listed_before_stacks() -> None:
    assert toll_names(price_list(1, about(50), {})) == ["hop (asgiref)", "stack: a"]


def test_an_interval_without_bounds_has_no_sign() -> None:
    assert sign(Interval(5, None, None, None, 1), 0.0) == 0
    assert sign(about(5), 0.0) == 1
    assert sign(about(-5), 0.0) == -1
    assert sign(about(0.5), 0.0) == 0
