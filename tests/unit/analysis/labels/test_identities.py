import msgspec
import pytest

from harness.analysis.labels.rules import contradictions
from harness.inputs.study import Condition
from harness.records.trial import Statements, Trial
from tests.toys.runs import SLICE_NS, make_slice, make_trial, make_window

CLOSED = Condition("io_read", connections=8, window_s=1.0)
OPEN = Condition("io_read", connections=8, window_s=1.0, rate=2_000.0)


def windowed(condition: Condition = CLOSED, latency_ns: int = 4_000_000) -> Trial:
    return make_trial(slices=[make_window(latency_ns)], condition=condition)


def counted(calls: int, requests: int = 10_000, expected: int = 2) -> Trial:
    return make_trial(statements=Statements(calls=calls, requests=requests, expected=expected))


@pytest.mark.parametrize("trial", [make_trial(), windowed(), windowed(OPEN), counted(20_000)])
def test_a_trial_in_which_everything_adds_up_is_not_contradicted(trial: Trial) -> None:
    assert contradictions(trial) == []


@pytest.mark.parametrize("latency_ns", [3_800_000, 4_200_000])
def test_littles_law_must_hold_in_a_closed_loops_window(latency_ns: int) -> None:
    """8 connections answered 2,000 requests per second: 4 ms each."""
    (told,) = contradictions(windowed(latency_ns=latency_ns))
    assert f"{2_000 * latency_ns / 1e9:.1f} requests in flight" in told
    assert "8 connections" in told


@pytest.mark.parametrize("latency_ns", [3_890_000, 4_110_000])
def test_littles_law_allows_for_what_crosses_the_windows_edges(latency_ns: int) -> None:
    assert contradictions(windowed(latency_ns=latency_ns)) == []


def test_littles_law_is_looked_at_in_every_window() -> None:
    second = make_trial(slices=[make_window(), make_window(5_000_000)], condition=CLOSED)
    assert len(contradictions(second)) == 1


def test_littles_law_says_nothing_of_an_open_loop_nor_of_a_window_without_latencies() -> None:
    assert contradictions(windowed(OPEN, latency_ns=9_000_000)) == []
    silent = make_trial(slices=[make_window(latency_mean_ns=None)], condition=CLOSED)
    assert contradictions(silent) == []


@pytest.mark.parametrize("calls", [19_900, 20_100, 0])
def test_postgresql_must_have_counted_the_statements_of_the_contract(calls: int) -> None:
    (told,) = contradictions(counted(calls))
    assert f"{calls:,} statements for 10,000 requests of 2 each" in told


@pytest.mark.parametrize("calls", [19_981, 20_019])
def test_a_thousandth_of_the_statements_may_be_missing(calls: int) -> None:
    assert contradictions(counted(calls)) == []


def test_statements_where_none_were_expected_are_contradicted() -> None:
    assert contradictions(counted(0, expected=0)) == []
    assert len(contradictions(counted(2, expected=0))) == 1


def busy(trial: Trial, roles_ns: int, busy_ns: int) -> Trial:
    pieces = [
        msgspec.structs.replace(
            s, server_cpu_ns=roles_ns, database_cpu_ns=None, generator_cpu_ns=0,
            machine_busy_ns=busy_ns,
        )
        for s in trial.slices
    ]  # fmt: skip
    return msgspec.structs.replace(trial, slices=tuple(pieces))


def test_roles_cannot_use_more_than_their_processors_were_busy() -> None:
    made = busy(make_trial(), roles_ns=2 * SLICE_NS, busy_ns=SLICE_NS)
    (told,) = contradictions(made)
    assert told == "roles used 0.40 s of CPU time, and their processors were busy for 0.20 s"


def test_the_kernels_ticks_and_foreign_work_are_no_contradiction() -> None:
    """Four slices may be wrong by 40 ms together; and others may keep the processors busy."""
    assert contradictions(busy(make_trial(), SLICE_NS + 8_000_000, SLICE_NS)) == []
    assert contradictions(busy(make_trial(), SLICE_NS, 9 * SLICE_NS)) == []


def test_every_role_is_in_the_account() -> None:
    pieces = [
        make_slice(
            server_cpu_ns=SLICE_NS // 2, database_cpu_ns=SLICE_NS // 2,
            generator_cpu_ns=SLICE_NS // 2, harness_cpu_ns=SLICE_NS // 2, machine_busy_ns=SLICE_NS,
        )
    ] * 4  # fmt: skip
    assert len(contradictions(make_trial(slices=pieces))) == 1


def test_errors_and_an_early_end_excuse_a_trial() -> None:
    """A request that fails is answered early, or late, or without its statements."""
    wrong = counted(0)
    failed = (*wrong.slices[:-1], make_slice(errors={"status 500": 1}))
    assert contradictions(msgspec.structs.replace(wrong, problem="it died")) == []
    assert contradictions(msgspec.structs.replace(wrong, slices=failed)) == []
    assert len(contradictions(wrong)) == 1


def test_each_contradiction_is_told() -> None:
    wrong = msgspec.structs.replace(
        busy(windowed(latency_ns=9_000_000), roles_ns=9 * 10**9, busy_ns=10**9),
        statements=Statements(calls=1, requests=10_000, expected=2),
    )
    assert len(contradictions(wrong)) == 3
