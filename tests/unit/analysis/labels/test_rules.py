from typing import Any

import msgspec
import pytest

from harness.analysis.labels.labels import LIMITS, REMEDIES, Label
from harness.analysis.labels.rules import Circumstances, contradictions, findings_of, shares
from harness.inputs.study import Condition, Objective
from harness.records.run import Cores
from harness.records.trial import Statements, Trial, Try
from tests.toys.runs import SLICE_NS, make_slice, make_trial, make_window

TWO = Cores(application=(0,), database=(1,), load=(1,))
THREE = Cores(application=(0,), database=(1,), load=(2,))


def trial(**changes: Any) -> Trial:
    return make_trial(slices=[make_slice(n, **changes) for n in range(4)])


def labels(made: Trial, cores: Cores = THREE, workers: int = 1) -> set[Label]:
    return {f.label for f in findings_of(made, Circumstances(cores, workers))}


def share(**of_a_core: float) -> Trial:
    """A trial in which each role used that share of a core, and nobody else any."""
    used = {"server": 0.5, "database": 0.2, "generator": 0.1} | of_a_core
    return trial(
        server_cpu_ns=round(used["server"] * SLICE_NS),
        database_cpu_ns=round(used["database"] * SLICE_NS),
        generator_cpu_ns=round(used["generator"] * SLICE_NS),
        machine_busy_ns=round(sum(used.values()) * SLICE_NS),
    )


def test_a_healthy_saturated_trial_is_server_bound_and_nothing_else() -> None:
    assert labels(trial()) == {Label.SERVER_BOUND}


BOTH = Cores(application=(0, 1), database=(1,), load=(1,))


def test_workers_on_all_cores_of_the_others_are_limited_by_what_they_share() -> None:
    full = share(server=1.5, database=0.3, generator=0.2)
    assert Label.LOAD_CORE_BOUND in labels(full, BOTH, workers=2)
    assert Label.SERVER_BOUND in labels(share(server=0.95), BOTH, workers=1)
    assert Label.LATENCY_BOUND in labels(share(server=0.5), BOTH, workers=2)
    assert Label.SERVER_BOUND in labels(share(server=1.85), BOTH, workers=2)


@pytest.mark.parametrize(
    ("cores", "workers", "crowded"),
    [(BOTH, 1, False), (BOTH, 2, False), (BOTH, 4, True), (TWO, 2, True), (TWO, 1, False)],
)
def test_more_workers_than_cores_is_a_label(cores: Cores, workers: int, crowded: bool) -> None:
    found = [
        f for f in findings_of(trial(), Circumstances(cores, workers)) if f.label is Label.CROWDED
    ]
    assert bool(found) is crowded
    if crowded:
        assert f"{workers} workers" in found[0].detail
        assert f"`workers` to {len(cores.application)}" in found[0].remedy


SICK: list[tuple[Label, Trial]] = [
    (Label.INCOMPLETE, make_trial(problem="the server died; it said:\nouch")),
    (Label.ERRORS, trial(errors={"status 503": 3})),
    (Label.GENERATOR_BOUND, share(generator=0.85)),
    (Label.NOISY, trial(steal_ns=SLICE_NS // 10)),
    (Label.NOISY, trial(machine_busy_ns=2 * SLICE_NS)),
    (Label.DATABASE_BOUND, share(database=0.9)),
    (Label.SERVER_BOUND, share(server=0.95)),
    (Label.LATENCY_BOUND, share(server=0.3)),
    (Label.RECONNECTING, trial(reconnects=1)),
    (Label.BUSY_WHEN_IDLE, make_trial(idle_cpu_share=0.02)),
]


@pytest.mark.parametrize(("label", "made"), SICK)
def test_each_label_fires_with_a_figure_and_a_remedy(label: Label, made: Trial) -> None:
    (found,) = [f for f in findings_of(made, Circumstances(THREE, 1)) if f.label is label]
    assert found.detail
    assert found.remedy == REMEDIES[label]
    assert "\n" not in found.detail


@pytest.mark.parametrize(
    "made",
    [
        trial(errors={"closed": 0}),
        make_trial(slices=[make_slice(0, correct=10_000, errors={"closed": 9})]),  # below 0.1 %
        trial(steal_ns=SLICE_NS // 20),  # a twentieth of a core, of three
        make_trial(idle_cpu_share=0.004),
        make_trial(idle_cpu_share=None),
        share(server=0.97, database=0.84),
        share(server=0.97, generator=0.79),
    ],
)
def test_no_label_but_server_bound_fires_below_its_threshold(made: Trial) -> None:
    assert labels(made) == {Label.SERVER_BOUND}


def test_a_core_that_two_roles_fill_together_is_named_only_where_they_share_it() -> None:
    made = share(server=0.6, database=0.5, generator=0.4)
    assert labels(made, TWO) == {Label.LOAD_CORE_BOUND}
    assert Label.LOAD_CORE_BOUND not in labels(made, THREE)


def test_two_workers_are_server_bound_only_when_both_are_busy() -> None:
    cores = Cores(application=(0, 1), database=(2,), load=(3,))
    assert Label.SERVER_BOUND not in labels(share(server=1.0), cores, workers=2)
    assert Label.SERVER_BOUND in labels(share(server=1.9), cores, workers=2)
    assert Label.SERVER_BOUND in labels(share(server=0.95), THREE, workers=2)  # one core for both


def test_a_database_elsewhere_gives_no_label_that_needs_its_cpu() -> None:
    made = trial(database_cpu_ns=None, server_cpu_ns=SLICE_NS // 10, machine_busy_ns=9 * SLICE_NS)
    assert labels(made) == set()


def test_a_trial_without_slices_has_no_shares_and_only_the_label_of_its_problem() -> None:
    empty = make_trial(slices=[], problem="it was not ready\nquoted")
    assert shares(empty, 4) is None
    (found,) = findings_of(empty, Circumstances(THREE, 1))
    assert (found.label, found.detail) == (Label.INCOMPLETE, "it was not ready")


def test_shares_by_hand() -> None:
    seen = shares(share(server=0.5, database=0.25, generator=0.125), 4)
    assert seen is not None
    assert (seen.server, seen.database, seen.generator) == (0.5, 0.25, 0.125)
    assert seen.foreign == pytest.approx(0)
    assert seen.steal == 0


def test_every_label_has_a_remedy() -> None:
    assert set(REMEDIES) == set(Label)


@pytest.mark.parametrize("server", [0.1, 0.5, 0.8, 0.95])
@pytest.mark.parametrize("database", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("cores", [TWO, THREE])
def test_at_most_one_thing_is_named_as_the_limit(
    server: float, database: float, cores: Cores
) -> None:
    found = labels(share(server=server, database=database), cores)
    assert len(found & set(LIMITS)) <= 1
    assert (Label.SERVER_BOUND in found) == (server >= 0.9)


def test_one_processor_for_everything_is_named_when_it_is_full() -> None:
    one = Cores(application=(0,), database=(0,), load=(0,))
    assert labels(share(server=0.5, database=0.3, generator=0.2), one) == {Label.LOAD_CORE_BOUND}


def test_the_harness_itself_is_not_foreign() -> None:
    made = trial(harness_cpu_ns=SLICE_NS, machine_busy_ns=round(2.27 * SLICE_NS))
    assert Label.NOISY not in labels(made)


def test_servers_that_wait_for_their_turn_are_not_foreign() -> None:
    made = trial(machine_busy_ns=round(1.37 * SLICE_NS))
    alone, among_many = (Circumstances(TWO, 1, idle_cores=idle) for idle in (0.0, 0.06))
    assert Label.NOISY in {f.label for f in findings_of(made, alone)}
    assert Label.NOISY not in {f.label for f in findings_of(made, among_many)}


RATE = Condition("io_read", connections=8, window_s=1.0, rate=2_000.0)
SEARCH = Condition("io_read", connections=8, window_s=1.0, objective=Objective())


def arrivals(offered: int, correct: int, dropped: int = 0) -> Trial:
    piece = make_window(offered=offered, dropped=dropped, correct=correct)
    return make_trial(slices=[piece], condition=RATE)


def test_arrivals_that_were_not_answered_overload_an_open_loop() -> None:
    (found,) = [
        f
        for f in findings_of(arrivals(2_000, 1_900, dropped=60), Circumstances(THREE, 1))
        if f.label is Label.OVERLOADED
    ]
    assert found.detail == "95.0% of arrivals answered, 3.0% dropped"


def test_an_open_loop_that_answers_ninety_nine_of_a_hundred_is_not_overloaded() -> None:
    assert Label.OVERLOADED not in labels(arrivals(2_000, 1_980))
    assert Label.OVERLOADED in labels(arrivals(2_000, 1_979))


def test_windows_of_a_trial_are_judged_together() -> None:
    pieces = [make_window(offered=2_000, correct=n) for n in (1_960, 2_000)]
    assert Label.OVERLOADED not in labels(make_trial(slices=pieces, condition=RATE))


def test_a_closed_loop_has_no_arrivals_to_leave_unanswered() -> None:
    assert Label.OVERLOADED not in labels(make_trial(slices=[make_window(correct=10)]))


def test_a_search_is_meant_to_overload_and_is_labelled_only_if_it_never_met_its_objective() -> None:
    overloaded = [make_window(offered=2_000, correct=900)]
    tried = (Try(2_000.0, 900.0, None, 0.0, met=False, confirming=False),) * 3
    search: dict[str, Any] = {"slices": overloaded, "condition": SEARCH, "search": tried}
    never = make_trial(**search, sustained_per_s=None)
    assert Label.OVERLOADED not in labels(never)
    (found,) = [
        f for f in findings_of(never, Circumstances(THREE, 1)) if f.label is Label.NEVER_MET
    ]
    assert found.detail == "none of 3 tries met it (too few answers in 3)"
    assert Label.NEVER_MET not in labels(make_trial(**search, sustained_per_s=800.0))
    assert Label.NEVER_MET not in labels(make_trial(**search, problem="it died"))


def test_what_does_not_add_up_is_inconsistent() -> None:
    made = make_trial(statements=Statements(calls=7, requests=1_000, expected=1))
    assert labels(made) == {Label.SERVER_BOUND, Label.INCONSISTENT}
    sound = make_trial(statements=Statements(calls=1_000, requests=1_000, expected=1))
    assert labels(sound) == {Label.SERVER_BOUND}


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
