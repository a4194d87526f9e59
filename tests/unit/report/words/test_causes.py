import msgspec
import pytest

from harness.analysis.causes.contrasts import Effect
from harness.analysis.causes.explain import Causes, ConditionCauses
from harness.analysis.causes.prices import Forecast, Price, PriceList
from harness.analysis.causes.slopes import Slope
from harness.analysis.causes.squares import Corner, Interaction
from harness.analysis.causes.waterfalls import Fall, Step
from harness.analysis.stats.intervals import Interval
from harness.inputs.study import Condition, Contrast
from harness.report.words.causes import (
    fall_sentences,
    interaction_sentences,
    is_toll,
    predictions,
    price_sentences,
    sign,
    slope_sentence,
)


def about(mean: float, half: float = 1.0) -> Interval:
    return Interval(mean, mean - half, mean + half, half / 2, 6)


def step(variant: str, added: float, *, called: bool | None = True) -> Step:
    return Step(variant, f"factor: a to {variant}", about(added), added / 100, 0.01, called)


def fall(*steps: Step) -> Fall:
    total = 50 + sum(s.added.mean for s in steps)
    return Fall("way", "lean", about(50), steps, about(total), about(total / 50, 0.1))


def told(*steps: Step) -> str:
    return fall_sentences(fall(*steps), [f"the cause {step.variant}" for step in steps])


def square(called: bool | None, across: tuple[float, float] = (200.0, -10.0)) -> Interaction:
    corners = tuple(
        Corner(f"{row}{column}", row, column, about(100))
        for row in ("zero-hop", "stock")
        for column in ("per-query", "none")
    )
    return Interaction(
        title="T", rows="lifecycle", columns="bridge", corners=corners,
        across={"zero-hop": about(across[0]), "stock": about(across[1])},
        ratios={"zero-hop": about(1.4, 0.1), "stock": about(0.9, 0.1)},
        difference=about(across[1] - across[0]), ratio=about(0.6, 0.1), p=0.01, called=called,
    )  # fmt: skip


def test_the_longest_step_of_a_waterfall_is_told_first_and_with_their_order() -> None:
    text = told(step("b", 20), step("c", 80))
    assert text.startswith("c uses 3.00 [2.90, 3.10] times the server CPU of lean: 150 µs")
    assert "largest first: the cause c, 80 [79, 81] µs (80%); the cause b" in text
    assert "hares depend on the order" in text


def test_a_step_that_saves_is_not_told_as_a_cost() -> None:
    text = told(step("b", -20), step("c", 120))
    assert "save CPU: the cause b, -20 [-21, -19] µs (-20%)." in text


def test_a_step_that_was_not_called_is_told_as_not_shown_however_narrow_its_interval() -> None:
    text = told(step("b", 3, called=False), step("c", 97))
    assert "without a shown effect: the cause b, 3 [2, 4]" in text


def test_one_block_judges_no_step() -> None:
    text = told(step("b", 20, called=None), step("c", 80, called=None))
    assert "One block cannot judge its steps: the cause b" in text
    assert "without a shown effect" not in text
    assert "Causes" not in text


def test_an_interaction_tells_both_sides_in_microseconds_and_which_of_them_saves() -> None:
    text = interaction_sentences(square(called=True))
    assert "lifecycle zero-hop, bridge per-query takes 200 [199, 201] µs more than none" in text
    assert "lifecycle stock, bridge per-query takes 10 [9, 11] µs less than none" in text
    assert "depends on lifecycle: -210 [-211, -209] µs" in text


def test_an_interaction_that_is_not_shown_is_not_claimed() -> None:
    undecided = interaction_sentences(square(called=False))
    assert "not shown to depend" in undecided
    assert "So the effect depends" not in undecided
    assert "One block gives no verdict" in interaction_sentences(square(called=None))


def test_a_slope_tells_what_one_hop_more_costs_and_the_first_apart() -> None:
    text = slope_sentence(Slope("x/y", {0: about(1)}, about(60), about(90), about(50)))
    assert "further empty hop costs 50 [49, 51] µs of server CPU" in text
    assert "The first costs 90 [89, 91] µs" in text
    plain = slope_sentence(Slope("x/y", {0: about(1)}, about(60), None, None))
    assert "empty hop costs 60 [59, 61] µs of server CPU" in plain
    assert "first" not in plain


def price_list(connections: int, hop: Interval, by_block: dict[int, float]) -> PriceList:
    price = Price("hop (asgiref)", hop, (), by_block, {})
    return PriceList(connections, 9, (Price("stack: a", about(1), (), {}, {}), price), (), (), ())


def said(*lists: PriceList) -> str:
    return " ".join(predictions(Causes((), (), lists)))


@pytest.mark.parametrize(
    ("hop", "verdict"),
    [
        (about(50, 5), "The prediction holds"),
        (about(150, 5), "is refuted: it costs more"),
        (about(5, 1), "is refuted: it costs less"),
        (about(98, 5), "is neither confirmed nor refuted"),
        (Interval(50, None, None, None, 1), "cannot be judged from one block"),
    ],
)
def test_the_first_prediction_is_judged_by_the_interval(hop: Interval, verdict: str) -> None:
    assert verdict in said(price_list(1, hop, {}))


@pytest.mark.parametrize(
    ("later", "verdict"),
    [
        ({1: 81.0, 2: 80.0, 3: 79.0}, "It grows."),
        ({1: 21.0, 2: 20.0, 3: 19.0}, "It falls."),
        ({1: 70.0, 2: 50.0, 3: 31.0}, "shows no change in this run"),
        ({1: 80.0}, "cannot be judged from one block"),
    ],
)
def test_the_second_prediction_is_judged_block_by_block_and_only_for_cpu_time(
    later: dict[int, float], verdict: str
) -> None:
    first = price_list(1, about(50), {1: 50.0, 2: 50.5, 3: 49.5})
    text = said(first, price_list(64, about(60), later))
    assert "from 1 connection to 64 connections" in text
    assert verdict in text
    assert "Waiting for the interpreter's lock takes no CPU time" in text


def test_nothing_is_predicted_without_prices() -> None:
    assert predictions(Causes((), (), ())) == []


def test_prices_say_how_well_they_predict() -> None:
    found = msgspec.structs.replace(
        price_list(1, about(50), {}),
        forecasts=(Forecast("a/b", "noop", 100, 110), Forecast("c/d", "io_read", 100, 60)),
    )
    text = price_sentences(found)
    assert "1 of 2 costs lie within 15%" in text
    assert "median error is 25%" in text
    assert "the largest -40% (c/d, io_read)" in text
    assert "No variant could be left out" in price_sentences(price_list(1, about(50), {}))


def test_tolls_are_told_from_stacks_queries_and_work() -> None:
    assert all(is_toll(n) for n in ("hop (anyio)", "thread started", "connection opened"))
    assert not any(is_toll(n) for n in ("stack: a", "queries of io_read: b", "work of cpu"))


def test_an_interval_without_bounds_has_no_sign() -> None:
    assert sign(Interval(5, None, None, None, 1)) == 0
    assert sign(about(5)) == 1
    assert sign(about(-5)) == -1
    assert sign(about(0.5)) == 0


def causes_under(*conditions: Condition, called: bool = True) -> Causes:
    contrast = Contrast("bridge", "all of the bridge", "b", "lean")
    effect = Effect(contrast, None, about(1.5, 0.1), None, called)
    made = tuple(
        ConditionCauses(c, (effect,), (fall(step("b", 20)),), (square(called=True),), ())
        for c in conditions
    )
    return Causes(made, (), ())
