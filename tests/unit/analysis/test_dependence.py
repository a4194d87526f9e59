"""Values that hold and values that do not, and what tells them apart."""

import msgspec
import pytest

from harness.analysis.dependence import EQUAL, Aspect, Dependence, dependence
from harness.analysis.judgements import Evidence
from harness.inputs.study import Beside, Latency
from tests.toys.evidence import READ, evidence

CREATE = msgspec.structs.replace(READ, endpoint="io_create")
MANY = msgspec.structs.replace(READ, connections=64)
FAR = msgspec.structs.replace(READ, window_s=1.0, latency=Latency(database_ms=100.0))
MIXED = msgspec.structs.replace(READ, window_s=1.0, beside=Beside("cpu", connections=2))
OPEN = msgspec.structs.replace(READ, window_s=1.0, rate=80.0)
LARGE = msgspec.structs.replace(READ, rows=100_000)


@pytest.mark.parametrize(
    ("other", "aspect"),
    [
        (evidence(False, CREATE), Aspect.REQUEST),
        (evidence(False, MANY), Aspect.LOAD),
        (evidence(False, OPEN), Aspect.LOAD),
        (evidence(False, FAR), Aspect.LATENCY),
        (evidence(False, MIXED), Aspect.BESIDE),
        (evidence(False, LARGE), Aspect.ROWS),
        (evidence(False, measure="p99"), Aspect.MEASURE),
        (evidence(False, of="c/third"), Aspect.OF),
        (evidence(False, to="c/third"), Aspect.TO),
        (evidence(False, run="tiny-2"), Aspect.RUN),
    ],
)
def test_the_one_respect_in_which_two_values_differ_is_named(
    other: Evidence, aspect: Aspect
) -> None:
    found = dependence([evidence(True), other])
    assert found is not None
    (((holding, _),),), (((failing, _),),) = found.holding, found.failing
    assert (holding, failing) == (aspect, aspect)
    assert found.also == ()


def test_connections_on_both_sides_go_before_everything_and_their_number_does_not_matter() -> None:
    sides = [
        evidence(True, held=(64, 1), to="a/one"),
        *(evidence(False, held=(n, n), to=f"a/{n}") for n in (4, 16, 64)),
    ]
    assert dependence(sides) == Dependence(
        holding=(((Aspect.HELD, (64, 1)),),), failing=(((Aspect.HELD, EQUAL),),), also=(Aspect.TO,)
    )


def test_parts_tell_apart_what_no_condition_does() -> None:
    sides = [
        *(evidence(True, part="one", to=f"t/{n}") for n in range(4)),
        evidence(False, part="other", to="u/1"),
    ]
    found = dependence(sides)
    assert found is not None
    assert found.holding == (((Aspect.PART, "one"),),)
    assert found.also == (Aspect.TO,)  # four variants are too many for a sentence


def test_two_respects_together_tell_apart_what_neither_does_alone() -> None:
    sides = [
        evidence(True, READ, held=(64, 1)),
        evidence(False, CREATE, held=(64, 1)),
        evidence(False, READ, held=(4, 4)),
        evidence(False, CREATE, held=(4, 4)),
    ]
    found = dependence(sides)
    assert found is not None
    assert found.holding == (((Aspect.HELD, (64, 1)), (Aspect.REQUEST, "io_read")),)
    assert found.failing == (((Aspect.HELD, EQUAL),), ((Aspect.REQUEST, "io_create"),))


def test_loads_ascend_and_open_ones_come_last() -> None:
    conditions = (MANY, OPEN, READ)
    sides = [*(evidence(True, c) for c in conditions)]
    sides.append(evidence(False, msgspec.structs.replace(READ, connections=1)))
    found = dependence(sides)
    assert found is not None
    values = [value for ((_, value),) in found.holding]
    assert values == [8, 64, (80.0, None, None)]


def test_values_that_are_undecided_have_no_say() -> None:
    sides = [evidence(True), evidence(False, CREATE), evidence(None, CREATE), evidence(None)]
    found = dependence(sides)
    assert found is not None
    assert found.failing == (((Aspect.REQUEST, "io_create"),),)


def test_what_differs_in_nothing_that_is_known_has_no_dependence() -> None:
    assert dependence([evidence(True), evidence(False)]) is None


def test_a_respect_that_some_values_lack_tells_nothing_apart() -> None:
    """Of a price neither the condition is known nor the variants."""
    price = evidence(False, condition=CREATE)
    bare = msgspec.structs.replace(price.subject, of=None, to=None, condition=None, endpoint=None)
    found = dependence([evidence(True), msgspec.structs.replace(price, subject=bare, run="tiny-2")])
    assert found is not None
    assert found.holding == (((Aspect.RUN, "tiny-1"),),)
