import msgspec
import pytest

from harness.base.workspace import Workspace
from harness.inputs.catalog import load_catalog
from harness.inputs.kinds import Axis, StudyKind, kind_of, sweeps_of
from harness.inputs.study import Condition, Latency
from harness.inputs.study_loader import find_study, load_study
from tests.toys.runs import make_study

EXPECTED = {
    "quick": StudyKind.RANKING,
    "frameworks": StudyKind.RANKING,
    "bridge": StudyKind.CAUSAL,
    "bridge-quick": StudyKind.CAUSAL,
    "concurrency": StudyKind.SWEEP,
    "load-curve": StudyKind.SWEEP,
    "fan-out": StudyKind.SWEEP,
    "workers": StudyKind.SWEEP,
    "mixed": StudyKind.RANKING,
    "one-read": StudyKind.RANKING,
    "three-hosts": StudyKind.RANKING,
    "asynchronize-django": StudyKind.REPLICATION,
    "asgiref-releases": StudyKind.AB,
    "django-releases": StudyKind.AB,
    "interpreters": StudyKind.AB,
}


@pytest.mark.parametrize("name", EXPECTED)
def test_each_study_of_the_project_answers_what_it_asks(name: str) -> None:
    workspace = Workspace()
    study = load_study(find_study(workspace, name), load_catalog(workspace))
    assert kind_of(study) is EXPECTED[name]


def swept(*conditions: Condition) -> list[tuple[Axis, list[float]]]:
    study = msgspec.structs.replace(make_study(), conditions=conditions)
    return [(s.axis, [value for value, _ in s.points]) for s in sweeps_of(study)]


def test_conditions_that_differ_in_one_quantity_are_a_sweep_in_its_order() -> None:
    counts = (64, 1, 8)
    found = swept(*(Condition(endpoint="io_read", connections=count) for count in counts))
    assert found == [(Axis.CONNECTIONS, [1, 8, 64])]


def test_windows_of_other_lengths_and_no_added_latency_are_of_one_sweep() -> None:
    alone = Condition(endpoint="io_read", connections=1)
    far = [
        Condition(endpoint="io_read", connections=1, window_s=s, latency=Latency(database_ms=ms))
        for s, ms in ((4.0, 50.0), (9.0, 100.0))
    ]
    assert swept(alone, *far) == [(Axis.DATABASE_MS, [0, 50, 100])]


def test_workers_are_an_axis_of_their_own_for_each_request() -> None:
    found = swept(*(Condition(e, workers=n) for n in (4, 1, 2) for e in ("noop", "io_read")))
    assert found == [(Axis.WORKERS, [1, 2, 4])] * 2
    assert swept(*(Condition("noop", workers=n) for n in (1, 2))) == []


def test_two_values_or_two_quantities_are_no_sweep() -> None:
    pair = [Condition(endpoint="io_read", connections=n) for n in (1, 8)]
    assert swept(*pair) == []
    both = Condition(endpoint="io_read", connections=64, rows=7)
    assert swept(*pair, both) == []


def test_rates_are_the_axis_of_open_loops() -> None:
    rates = [Condition(endpoint="io_read", rate=rate, window_s=5) for rate in (300, 100, 200)]
    assert swept(*rates) == [(Axis.RATE, [100, 200, 300])]
