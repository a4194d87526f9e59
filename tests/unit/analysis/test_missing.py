"""Who has no figures and why: runs on fake servers, from their faults to what is told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.analysis.analyse import Analysis, analyse
from harness.analysis.labels.errors import in_words
from harness.analysis.labels.labels import LIMITS, Label
from harness.analysis.labels.trials import label_trials
from harness.analysis.measures import Measure
from harness.analysis.missing import Absence, MissingFigures, missing_figures
from harness.inputs.contract import Contract
from harness.inputs.settings import LoadSettings
from harness.inputs.study import Condition, Objective
from harness.records.trial import Event, Trial, Try
from harness.runner.block import run_blocks
from tests.toys.fakes import FakeLab, fake_lab
from tests.toys.runs import BASELINE, make_run, make_slice, make_study, make_trial, make_window

OTHER, THIRD, TWIN = "b/other", "c/third", f"{BASELINE}#duplicate"
VARIANTS = (BASELINE, OTHER, THIRD)
BLOCKS = 3
SLICES = Condition(endpoint="noop", connections=4)
type Fault = Callable[[FakeLab], None]


def failing(kind: str, *names: str) -> Fault:
    def fault(lab: FakeLab) -> None:
        lab.generator.failing.update(dict.fromkeys(names, kind))

    return fault


def silent(lab: FakeLab) -> None:
    """No request fits into a turn of this server."""
    lab.servers[OTHER].cpu_us = 1e9


def dead(lab: FakeLab) -> None:
    lab.servers[OTHER].dies_after = 0


def nothing(lab: FakeLab) -> None:
    """All is well."""


@pytest.fixture
def measured(contract: Contract, tmp_path: Path) -> Callable[..., Analysis]:
    """Measures a study with a fault on fake servers, and analyses what is kept."""

    def measure(fault: Fault, blocks: int = BLOCKS, condition: Condition = SLICES) -> Analysis:
        load = LoadSettings(rounds=2, slice_s=0.1, warmup_s=0.1, probe=False)
        study = msgspec.structs.replace(
            make_study(VARIANTS, blocks=blocks), conditions=(condition,), load=load
        )
        with fake_lab(study, contract, tmp_path) as lab:
            fault(lab)
            run_blocks(lab.session, lab.sets)
            trials, damaged = lab.store.trials(lab.run)
            assert damaged == []
            return analyse(lab.run, trials)

    return measure


def only(analysis: Analysis) -> MissingFigures:
    (item,) = analysis.missing
    return item


KINDS = [
    ("status 503", "noop", "log"),
    ("status 503", "io_read", "pool"),
    ("status 500", "io_read", "log"),
    ("status 404", "io_read", "verify"),
    ("timeout", "io_read", "timeout_s"),
    ("body", "io_read", "verify"),
    ("connect", "io_read", "took no connection"),
    ("closed", "io_read", "it closed connections"),
    ("protocol", "io_read", "no valid HTTP"),
    ("another answer than expected", "io_read", "verify"),
    ("ConnectTimeout", "io_read", "timeout_s"),
    ("ConnectionRefusedError", "io_read", "took no connection"),
    ("RemoteDisconnected", "io_read", "it closed connections"),
    ("SomethingNew", "io_read", "errors in the trial"),
]


@pytest.mark.parametrize("kind", ["status 503", "timeout", "body"])
def test_a_variant_without_one_correct_answer_is_starved_with_its_errors_counted(
    measured: Callable[..., Analysis], kind: str
) -> None:
    analysis = measured(failing(kind, OTHER))
    item = only(analysis)
    assert (item.entry, item.absence, item.label) == (OTHER, Absence.FAILED, Label.STARVED)
    assert item.trials == BLOCKS
    assert set(item.errors) == {kind}
    assert in_words(item.errors) in item.reason
    (result,) = analysis.conditions
    assert OTHER in result.planned
    labels = {count.label for count in result.findings[OTHER]}
    stopped = {Label.INCOMPLETE} if kind == "timeout" else set()
    assert labels == {Label.STARVED} | stopped
    assert OTHER not in result.comparisons[Measure.CPU].estimates
    assert set(result.comparisons[Measure.CPU].ranking) == {BASELINE, THIRD}
    assert result.comparisons[Measure.THROUGHPUT].unsaid is None


def test_without_figures_of_the_baseline_the_others_rank_and_no_ratio_is_taken(
    measured: Callable[..., Analysis],
) -> None:
    analysis = measured(failing("status 503", BASELINE))
    (result,) = analysis.conditions
    comparison = result.comparisons[Measure.CPU]
    assert only(analysis).entry == BASELINE
    assert only(analysis).label is Label.STARVED
    assert {OTHER, THIRD, TWIN} == set(comparison.estimates)
    assert set(comparison.ranking) == {OTHER, THIRD}
    assert (comparison.ratios, comparison.decisions) == ({}, {})
    assert (comparison.unsaid, comparison.detectable, analysis.twins) == (None, None, ())


def test_without_figures_of_the_duplicate_everything_is_judged_but_the_check_is_missing(
    measured: Callable[..., Analysis],
) -> None:
    analysis = measured(failing("timeout", TWIN))
    (result,) = analysis.conditions
    comparison = result.comparisons[Measure.CPU]
    assert only(analysis).entry == TWIN
    assert set(comparison.ratios) == set(comparison.decisions) == {OTHER, THIRD}
    assert set(comparison.ranking) == {BASELINE, OTHER, THIRD}
    assert comparison.unsaid is None
    assert analysis.twins == ()


def test_when_all_are_starved_all_have_rows_and_none_a_limit(
    measured: Callable[..., Analysis],
) -> None:
    analysis = measured(failing("status 503", *VARIANTS, TWIN))
    (result,) = analysis.conditions
    assert {item.entry for item in analysis.missing} == {*VARIANTS, TWIN} == set(result.planned)
    labels = {c.label for counts in result.findings.values() for c in counts}
    assert labels.isdisjoint({*LIMITS, Label.OVERLOADED, Label.ERRORS})
    assert all(c.estimates == {} for m, c in result.comparisons.items() if m is not Measure.MEMORY)
    assert result.comparisons[Measure.MEMORY].estimates == {}


def test_a_server_that_is_dead_from_the_start_has_its_last_words_as_the_reason(
    measured: Callable[..., Analysis],
) -> None:
    item = only(measured(dead))
    assert (item.entry, item.label, item.trials) == (OTHER, Label.INCOMPLETE, BLOCKS)
    assert "that was too much" in item.reason
    assert "each of 3 blocks" in item.reason
    assert item.errors == {}
    assert "--resume" in item.remedy


def test_without_a_fault_nobody_lacks_figures(measured: Callable[..., Analysis]) -> None:
    assert measured(nothing).missing == ()


def test_where_no_request_was_sent_that_is_the_reason(measured: Callable[..., Analysis]) -> None:
    item = only(measured(silent))
    assert (item.entry, item.errors) == (OTHER, {})
    assert item.label is Label.UNLOADED
    assert "no request was sent" in item.reason
    assert "slice_s" in item.remedy


def test_one_block_is_told_as_one_block(measured: Callable[..., Analysis]) -> None:
    analysis = measured(nothing, blocks=1)
    (result,) = analysis.conditions
    assert analysis.missing == ()
    unsaid = result.comparisons[Measure.CPU].unsaid
    assert unsaid is not None
    assert "two blocks, and one was measured" in unsaid


def test_errors_before_a_search_begins_are_kept_as_its_reason(
    measured: Callable[..., Analysis],
) -> None:
    """A server without capacity has no rate to start from, and no turn."""
    condition = Condition(endpoint="noop", connections=4, window_s=1, objective=Objective())
    item = only(measured(failing("status 503", OTHER), condition=condition))
    assert item.entry == OTHER
    assert item.errors.keys() == {"status 503"}
    assert "status 503" in item.reason


RUN = make_run(make_study(VARIANTS, blocks=BLOCKS))


def spoilt(block: int, kind: Any, entry: str = OTHER) -> Trial:
    return make_trial(entry, block, events=(Event(kind, 0, 0, "it slept for 3.0 s"),))


def starved(errors: dict[str, int], entry: str = OTHER, block: int = 1, **changes: Any) -> Trial:
    return make_trial(entry, block, [make_slice(correct=0, errors=errors)], **changes)


def why(*trials: Trial, entry: str = OTHER) -> MissingFigures | None:
    found = missing_figures(RUN, label_trials(RUN, trials))
    return next((item for item in found if item.entry == entry), None)


@pytest.mark.parametrize(("kind", "endpoint", "told"), KINDS)
def test_the_remedy_is_for_the_most_frequent_error(kind: str, endpoint: str, told: str) -> None:
    condition = Condition(endpoint=endpoint, connections=8)
    study = msgspec.structs.replace(RUN.study, conditions=(condition,))
    run = make_run(study)
    trial = starved({"noise": 1, kind: 412}, condition=condition)
    found = missing_figures(run, label_trials(run, [trial]))
    (item,) = [item for item in found if item.entry == OTHER]
    assert told in item.remedy
    assert f"{in_words({kind: 412})}, 1 request ended by noise" in item.reason
    assert "raise the connections" not in item.remedy


def test_errors_are_summed_over_blocks() -> None:
    item = why(starved({"status 503": 400, "timeout": 8}), starved({"status 503": 12}, block=2))
    assert item is not None
    assert item.errors == {"status 503": 412, "timeout": 8}
    words = "412 answers with status 503, 8 requests without an answer in time"
    assert item.reason == f"no correct answer ({words}), in each of 2 blocks"


def test_different_reasons_are_told_with_their_share_of_the_blocks() -> None:
    item = why(
        starved({"timeout": 3}),
        make_trial(OTHER, 2, (), problem="the server died"),
        starved({"timeout": 4}, block=3),
    )
    assert item is not None
    assert item.label is Label.STARVED
    assert "7 requests without an answer in time), in 2 of 3 blocks" in item.reason
    assert "the server died, in 1 of 3 blocks" in item.reason


def test_one_good_block_is_a_figure() -> None:
    assert why(starved({"timeout": 3}), make_trial(OTHER, 2)) is None


def test_a_variant_whose_every_trial_an_event_spoilt_says_which() -> None:
    item = why(*(spoilt(block, "suspended") for block in (1, 2, 3)))
    assert item is not None
    assert (item.absence, item.label) == (Absence.FAILED, Label.SUSPENDED)
    assert "it slept" in item.reason
    assert "awake" in item.remedy


def test_timeouts_alone_are_starvation_and_no_stall() -> None:
    stalled = (Event("stalled", 0, 0, "no answer for 3.0 s"),)
    item = why(starved({"timeout": 4}, events=stalled))
    assert item is not None
    assert item.label is Label.STARVED


def test_an_excluded_variant_has_the_reason_for_which_it_was() -> None:
    run = make_run(RUN.study, excluded={OTHER: "it answers\nfrom memory"})
    items = missing_figures(
        run, label_trials(run, [make_trial(n) for n in (BASELINE, THIRD, TWIN)])
    )
    (item,) = items
    assert (item.entry, item.absence, item.trials) == (OTHER, Absence.EXCLUDED, 0)
    assert item.reason == "it answers from memory"
    assert f"bridgetoll verify {OTHER}" in item.remedy


def test_an_entry_without_any_trial_was_not_measured() -> None:
    item = why(make_trial(BASELINE))
    assert item is not None
    assert item.absence is Absence.UNMEASURED
    assert f"--resume {RUN.id}" in item.remedy


@pytest.mark.parametrize(
    ("window", "label", "told", "remedy"),
    [
        ({"in_flight": 64}, Label.STARVED, "64 came after it", "window_s"),
        ({"dropped": 90, "offered": 90, "in_flight": 0}, Label.STARVED, "90 arrivals", "rate"),
        ({"offered": 0, "in_flight": 0}, Label.UNLOADED, "no arrival was due", "raise the rate"),
        ({"in_flight": 0}, Label.UNLOADED, "no request was sent", "window_s"),
    ],
)
def test_without_answers_and_errors_the_window_tells_the_reason(
    window: dict[str, int], label: Label, told: str, remedy: str
) -> None:
    item = why(make_trial(OTHER, 1, [make_window(correct=0, per_second=(0,), **window)]))
    assert item is not None
    assert item.label is label
    assert told in item.reason
    assert remedy in item.remedy


@pytest.mark.parametrize(
    ("tries", "told", "remedy"),
    [
        ((None, 0.5, False), "errors in 1", "errors"),
        ((900_000_000, 0.0, False), "latency in 1", "loosen"),
        ((None, 0.0, False), "too few answers in 1", "loosen"),
        ((10_000_000, 0.0, True), "no rate was confirmed", "loosen"),
    ],
)
def test_a_search_that_never_met_its_objective_says_what_kept_it(
    tries: tuple[int | None, float, bool], told: str, remedy: str
) -> None:
    latency_ns, errors, met = tries
    condition = Condition(endpoint="noop", connections=8, window_s=1, objective=Objective())
    run = make_run(msgspec.structs.replace(RUN.study, conditions=(condition,)))
    attempt = Try(100.0, 90.0, latency_ns, errors, met, confirming=False)
    trial = make_trial(
        OTHER, 1, [make_window(offered=2_000)], condition=condition, search=(attempt,)
    )
    found = missing_figures(run, label_trials(run, [trial]))
    (item,) = [item for item in found if item.entry == OTHER]
    assert item.label is Label.NEVER_MET
    assert told in item.reason
    assert remedy in item.remedy
