"""Analyse a run: estimates, ratios, ties and labels per condition, causes, and claims."""

from collections.abc import Iterable, Sequence

import msgspec

from harness.analysis.causes.bills import Bill, OfferedPrices, bills
from harness.analysis.causes.explain import Causes, explain
from harness.analysis.claims import RunResults, judge
from harness.analysis.condition import MeasuredCondition, conditions_of
from harness.analysis.interest import Interest, interest_of
from harness.analysis.judgements import Judgement
from harness.analysis.labels.labels import LabelCount, limiting
from harness.analysis.labels.trials import label_trials
from harness.analysis.locust import Ramps, summarise
from harness.analysis.measures import Measure, ranked
from harness.analysis.missing import MissingFigures, missing_figures, missing_under
from harness.analysis.scaling import Scaling, scalings
from harness.analysis.twins import TwinCheck, check_twins
from harness.analysis.variants import Comparison, compare_variants
from harness.analysis.waiting import Waiting, waiting_of
from harness.inputs.claims import Claim
from harness.inputs.study import Condition
from harness.records.plan import DUPLICATE
from harness.records.run import Run
from harness.records.trial import Trial


class ConditionResult(msgspec.Struct, frozen=True, rename={"errors": "error_shares"}):
    """Everything about one condition.

    trials, findings: of all trials. errors: likewise; only of entries whose requests ended. The
        other fields leave out those that failed.
    round_trips_ms: by leg, the shortest and the longest idle round trip; empty without added
        latency.
    missing: planned entries that have no figures here, and why.
    """

    condition: Condition
    comparisons: dict[Measure, Comparison]
    findings: dict[str, tuple[LabelCount, ...]]
    trials: dict[str, int]
    errors: dict[str, float]
    memory_mib: dict[str, float]
    threads: dict[str, int]
    round_trips_ms: dict[str, tuple[float, float]] = {}
    missing: tuple[MissingFigures, ...] = ()

    def limits(self, entry: str) -> tuple[LabelCount, ...]:
        """The labels that name what limited most of its trials."""
        return limiting(self.findings.get(entry, ()), self.trials.get(entry, 0))

    @property
    def first(self) -> Comparison:
        """By the first measure by which variants are ranked under its condition."""
        return self.comparisons[ranked(self.condition)[0]]

    @property
    def planned(self) -> tuple[str, ...]:
        """Its entries: those that were measured, then those that were planned and were not."""
        return tuple(dict.fromkeys((*self.trials, *(item.entry for item in self.missing))))

    def why_missing(self, entry: str) -> MissingFigures | None:
        """Why an entry has no figures here; None if it has some."""
        return next((item for item in self.missing if item.entry == entry), None)


class Analysis(msgspec.Struct, frozen=True, rename={"margin": "margin_share"}):
    """The results of a run.

    margin: ratios so far from 1 are the same for practice; see `stats.verdicts.decide`.
    repeated: phases that were measured more than once; all attempts are kept.
    causes: why variants differ, as far as the study's design shows.
    ramps: Locust's cells; conditions are then empty.
    judgements: verdicts on published claims, by this run.
    twins: whether the baseline and its hidden duplicate agree, by condition.
    missing: planned entries that have no figures under a planned condition, measured or not.
    interest: verdicts that may end the run; None if its study does not ask for that.
    scalings: how throughput grows with workers; none where the study does not vary them.
    bills: of an A/B, what counted differences should cost by a kept price list.
    waiting: how many waiting requests each variant holds; None where no request just waits.
    machine_sets: by set of machines, the blocks that it measured; empty where one measured all.
    """

    run: str
    baseline: str
    duplicate: str
    margin: float
    conditions: tuple[ConditionResult, ...]
    repeated: int
    causes: Causes
    ramps: Ramps | None = None
    judgements: tuple[Judgement, ...] = ()
    twins: tuple[TwinCheck, ...] = ()
    missing: tuple[MissingFigures, ...] = ()
    interest: Interest | None = None
    scalings: tuple[Scaling, ...] = ()
    bills: tuple[Bill, ...] = ()
    waiting: Waiting | None = None
    machine_sets: dict[str, tuple[int, ...]] = {}


def analyse(
    run: Run,
    trials: Sequence[Trial],
    claims: Sequence[Claim] = (),
    conditions: Sequence[MeasuredCondition] | None = None,
    prices: Sequence[OfferedPrices] = (),
) -> Analysis:
    """Analyse a run.

    Args:
        run: its study and machine.
        trials: all that it measured.
        claims: to be judged by it.
        conditions: of these trials, if the caller has them; they keep what they have fitted.
        prices: price lists for an A/B, the best first.
    """
    if run.study.ramped:
        return _analyse_ramps(run, trials, claims)
    if conditions is None:
        conditions = conditions_of(run, label_trials(run, trials))
    causes = explain(run, conditions)
    results = tuple(_condition(measured) for measured in conditions)
    return Analysis(
        run=run.id,
        baseline=run.study.baseline,
        duplicate=run.study.baseline + DUPLICATE,
        margin=run.study.margin,
        conditions=results,
        twins=check_twins(conditions),
        repeated=len({(t.block, t.condition) for t in trials if t.attempt > 1}),
        causes=causes,
        judgements=judge(claims, [RunResults(run, tuple(conditions), causes.prices, None)]),
        missing=_missing(run, conditions),
        scalings=scalings(run, conditions),
        interest=interest_of(run, conditions, [result.comparisons for result in results], causes),
        bills=tuple(
            bill
            for measured, result in zip(conditions, results, strict=True)
            for bill in bills(run, measured, result.comparisons[Measure.CPU].to_origin, prices)
        ),
        waiting=waiting_of(run, conditions),
        machine_sets=_machine_sets(run, conditions),
    )


def _analyse_ramps(run: Run, trials: Sequence[Trial], claims: Sequence[Claim]) -> Analysis:
    """Cells are independent of each other: there are no pairs and no ranking."""
    ramps = summarise(run, trials)
    return Analysis(
        run=run.id,
        baseline=run.study.baseline,
        duplicate=run.study.baseline + DUPLICATE,
        margin=run.study.margin,
        conditions=(),
        repeated=len({(t.block, t.condition, t.entry) for t in trials if t.attempt > 1}),
        causes=explain(run, ()),
        ramps=ramps,
        judgements=judge(claims, [RunResults(run, (), (), ramps)]),
        missing=missing_figures(run, label_trials(run, trials)),
    )


def _machine_sets(run: Run, conditions: Sequence[MeasuredCondition]) -> dict[str, tuple[int, ...]]:
    owners = {block: name for measured in conditions for block, name in measured.sets.items()}
    return {
        name: tuple(sorted(block for block, owner in owners.items() if owner == name))
        for name in run.machine_sets
    }


def _missing(run: Run, conditions: Sequence[MeasuredCondition]) -> tuple[MissingFigures, ...]:
    """Under measured conditions as they found it, and under the others every entry."""
    known = {measured.condition: measured.missing for measured in conditions}
    return tuple(
        item
        for condition in run.study.conditions
        for item in (known[condition] if condition in known else missing_under(run, condition, ()))
    )


def _condition(measured: MeasuredCondition) -> ConditionResult:
    condition = measured.condition
    trials = {entry: list(by_block.values()) for entry, by_block in measured.trials.items()}
    good = {entry: list(measured.good(entry).values()) for entry in trials}
    return ConditionResult(
        condition=condition,
        comparisons={measure: compare_variants(measure, measured) for measure in Measure},
        findings=measured.label_counts(),
        trials={entry: len(of_entry) for entry, of_entry in trials.items()},
        errors={
            entry: share
            for entry, of_entry in trials.items()
            if (share := _error_share(of_entry)) is not None
        },
        memory_mib={
            entry: max(peaks) / 1024
            for entry, of_entry in good.items()
            if (peaks := [t.rss_peak_kib for t in of_entry if t.rss_peak_kib is not None])
        },
        threads={
            entry: max(threads)
            for entry, of_entry in good.items()
            if (threads := [t.threads for t in of_entry if t.threads is not None])
        },
        round_trips_ms=_round_trips([trial for of_entry in good.values() for trial in of_entry]),
        missing=measured.missing,
    )


def _round_trips(trials: Sequence[Trial]) -> dict[str, tuple[float, float]]:
    known = [t.round_trips for t in trials if t.round_trips is not None]
    legs = {
        "database": [ms for r in known for ms in (r.database_before, r.database_after)],
        "client": [ms for r in known for ms in (r.client_before, r.client_after)],
    }
    return {leg: (min(trips), max(trips)) for leg, trips in legs.items() if trips}


def _error_share(trials: Iterable[Trial]) -> float | None:
    """Of the requests that ended; None where none did."""
    slices = [s for t in trials for s in t.slices]
    errors = sum(sum(s.failures.values()) for s in slices)
    total = errors + sum(s.correct for s in slices)
    return errors / total if total else None
