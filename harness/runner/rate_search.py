"""The search for the highest rate that meets an objective: bracket, bisect, confirm. Pure.

Rates are searched on a logarithmic scale. Near the limit the outcome of a try is random. So the
rate that the bisection ends with is confirmed by further tries, and given up for a lower one where
they fail. Where several fail in a row, the machine has become slower meanwhile, and the limit is
searched anew below. The result is a rate that was met every time it was confirmed, not the
luckiest.
"""

from collections.abc import Callable

import msgspec

from harness.inputs.study import Objective
from harness.load.protocol import Tally
from harness.records.histogram import of_answered, sample_percentile
from harness.records.trial import Try
from harness.runner.trial_builder import Measurement

_STEP, _WIDEST_STEP = 1.25, 4.0
"""Factor between rates while the limit is bracketed; each try squares it, up to the second."""
_LEAST_SHARE = 0.01
"""Share of the first rate: if not even this meets the objective, the search gives up."""
_RESOLUTION = 1.03
"""The bisection ends when the bracket is narrower than this factor."""
_BACK = 0.95
"""Factor to the next rate when a confirmation fails."""
_MOST_REFUSED = 3
"""Confirmations that fail in a row until the limit is searched anew. A server that lost half of its
processor to a neighbour would need thirteen steps of the factor above."""
_CONFIRMATIONS = 2
_MOST_REPEATED = 3
"""Windows of a search that are measured again because an event spoilt them; accidents are rare."""
_MOST_TRIES = 24
"""Tries after which a search gives up: the server has no steady capacity."""


class RateStep(msgspec.Struct, frozen=True):
    """The next rate to try, and whether the try confirms."""

    rate_per_s: float
    confirming: bool


class Search:
    """Ask for `next_step`, try it, tell the outcome to `observe`, until there is no next step.

    Args:
        start_per_s: the first rate; the nearer to the limit, the fewer tries.
        highest_per_s: no rate above is tried; the generator could not make it honestly.
    """

    def __init__(self, start_per_s: float, highest_per_s: float | None = None) -> None:
        self._highest = highest_per_s
        self._least = _LEAST_SHARE * start_per_s
        self._stride = _STEP
        self._met: float | None = None
        self._failed: float | None = None
        self._next = start_per_s if highest_per_s is None else min(start_per_s, highest_per_s)
        self._confirmed = self._refused = 0
        self._confirming = False
        self._tries = 0
        self.sustained_per_s: float | None = None
        self.ended = False

    def next_step(self) -> RateStep | None:
        """The next try, or None when the search has ended."""
        return None if self.ended else RateStep(self._next, self._confirming)

    def observe(self, met: bool) -> None:
        """Take the outcome of the step that was asked for last."""
        self._tries += 1
        if self._confirming:
            self._observe_confirmation(met)
        else:
            self._observe_try(met)
        self.ended = self.ended or self._tries >= _MOST_TRIES

    def _observe_try(self, met: bool) -> None:
        rate = self._next
        if met:
            self._met = max(rate, self._met or 0.0)
        else:
            self._failed = min(rate, self._failed or rate)
        if self._met is None:
            self._next = rate / self._widen()
            self.ended = self._next < self._least
        elif self._failed is None and rate == self._highest:
            self._confirm(rate)  # the limit lies beyond what can be tried
        elif self._failed is None:
            self._next = rate * self._widen()
            if self._highest is not None:
                self._next = min(self._next, self._highest)
        elif self._failed / self._met <= _RESOLUTION:
            self._confirm(self._met)
        else:
            self._next = (self._failed * self._met) ** 0.5

    def _widen(self) -> float:
        stride = self._stride
        self._stride = min(stride**2, _WIDEST_STEP)
        return stride

    def _observe_confirmation(self, met: bool) -> None:
        if met:
            self._confirmed += 1
            self._refused = 0
            if self._confirmed == _CONFIRMATIONS:
                self.sustained_per_s = self._next
                self.ended = True
            return
        self._refused += 1
        if self._refused < _MOST_REFUSED:
            self._confirm(self._next * _BACK)
        else:
            self._search_below(self._next)

    def _confirm(self, rate: float) -> None:
        self._confirming, self._confirmed, self._next = True, 0, rate

    def _search_below(self, rate: float) -> None:
        """Forget what was met before: the server does so much no more."""
        self._confirming, self._refused, self._stride = False, 0, _STEP
        self._met, self._failed = None, rate
        self._next = rate / self._widen()


_START_SHARE = 0.7
"""Of the closed loop's capacity: about where a queue of random arrivals begins to grow long."""


class SearchResult(msgspec.Struct, frozen=True):
    """What a search did.

    windows, tries: one of each for every rate that was tried, in order.
    sustained_per_s: the highest rate that was confirmed; None if none was.
    """

    windows: tuple[Measurement, ...]
    tries: tuple[Try, ...]
    sustained_per_s: float | None


def search_rate(
    objective: Objective,
    *,
    capacity_per_s: float,
    highest_per_s: float | None,
    first_draw: int,
    window: Callable[[float, int], Measurement],
    running: Callable[[], bool],
    spoilt: Callable[[Measurement], bool] = lambda _: False,
) -> SearchResult:
    """Find the highest rate that meets the objective, trying each in a window.

    Args:
        objective: what a rate must meet.
        capacity_per_s: of the server in a closed loop; the search starts at a share of it.
        highest_per_s: no rate above is tried; no bound if None.
        first_draw: number of the first try, where earlier turns have searched too.
        window: measures at a rate; its second argument is the number of the try.
        running: whether the server still runs; the search ends with it.
        spoilt: whether an event spoilt a window; its rate is then tried again, within bounds.
    """
    search = Search(_START_SHARE * capacity_per_s, highest_per_s)
    windows: list[Measurement] = []
    tries: list[Try] = []
    while (step := search.next_step()) is not None and running():
        windows.append(window(step.rate_per_s, first_draw + len(tries)))
        outcome = judge(objective, step, windows[-1].tally)
        repeated = sum(earlier.spoilt for earlier in tries)
        if repeated < _MOST_REPEATED and spoilt(windows[-1]):
            tries.append(msgspec.structs.replace(outcome, met=False, spoilt=True))
            continue
        tries.append(outcome)
        search.observe(outcome.met)
    return SearchResult(tuple(windows), tuple(tries), search.sustained_per_s)


def judge(objective: Objective, step: RateStep, tally: Tally) -> Try:
    """Whether a window met the objective. Dropped arrivals count as not achieved."""
    latencies = tally.latencies_ns
    lags = tally.lags_ns  # one for each arrival that was sent
    offered = lags.size + tally.dropped
    failed = sum(tally.errors.values())
    # Arrivals without an answer came later than all that have one.
    share = latencies.size / offered if offered else 0.0
    latency = sample_percentile(latencies, of_answered(objective.percentile, share))
    achieved = tally.completed / offered if offered else 0.0
    errors = failed / offered if offered else 0.0
    met = (
        latency is not None
        and latency <= objective.latency_ms * 1e6
        and errors <= objective.errors
        and achieved >= objective.achieved
    )
    return Try(
        rate_per_s=step.rate_per_s,
        achieved_per_s=tally.completed / (tally.end_ns - tally.start_ns) * 1e9,
        latency_ns=latency,
        errors=errors,
        met=met,
        confirming=step.confirming,
    )
