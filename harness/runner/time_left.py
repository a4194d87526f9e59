"""How long the rest of a run takes: every stage as planned, at the pace that was seen so far."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from harness.inputs.study import Condition, Study
from harness.records.plan import Phase, Plan
from harness.runner.plan import phase_s, starts_s

_READY_S = 0.5
"""Seconds to look at an environment that is made already."""
_MADE_S = 20.0
"""Seconds to make one from a near package index."""
_DATABASE_S = 3.0
_CEILING_S = 3.0
_EXAMINED_S = 15.0
"""Processor seconds of verifying and auditing one variant: measured, and only for the estimate."""
_PRIOR_S = 20.0
"""So many planned seconds count as seen at the planned pace, so that the pace begins steadily."""


class Stage(StrEnum):
    """What a run does, in this order. The last two alternate from block to block."""

    ENVIRONMENT = "environment"
    CEILING = "ceiling"
    DATABASE = "database"
    EXAMINATION = "examination"
    STARTS = "starts"
    PHASE = "phase"


SETUP = frozenset({Stage.ENVIRONMENT, Stage.CEILING, Stage.DATABASE, Stage.EXAMINATION})
"""What is done once, before anything is measured."""


class SetUp(msgspec.Struct, frozen=True):
    """What a run needs before it measures.

    environments: for each, whether it is made already. variants: that are verified and audited.
    at_once: processors that check variants side by side.
    """

    environments: tuple[bool, ...] = ()
    variants: int = 0
    at_once: int = 1


class _Part(msgspec.Struct, frozen=True):
    """A part of a stage, with its planned seconds.

    of: the block and the condition of a phase.
    block: which of the missing ones, from 1; 0 before the first.
    """

    stage: Stage
    seconds: float
    of: tuple[int, Condition] | None = None
    block: int = 0


class TimeLeft:
    """Follows a run through its parts, and says how long the rest takes.

    It reads no clock: whoever asks tells the time, in seconds from any start.

    Args:
        study, plan: what is measured.
        phases: those of the plan that are missing.
        set_up: what comes before; nothing of it once it is done.
        at_once: blocks that are measured at the same time.
    """

    def __init__(
        self,
        study: Study,
        plan: Plan,
        phases: Sequence[Phase],
        set_up: SetUp,
        at_once: int = 1,
    ) -> None:
        self._study = study
        self._plan = plan
        self._parts = [*_before(set_up), *_measuring(study, phases)]
        self._shares = [0.0] * len(self._parts)
        self._at_once = at_once
        self._at = -1
        self._set_up = _Pace()
        self._measuring = _Pace()

    @property
    def share(self) -> float:
        """How much of the planned time is done."""
        total = sum(self._seconds(part) for part in self._parts)
        return 1 - sum(self._open()) / total if total else 0.0

    def enter(self, stage: Stage, now_s: float) -> None:
        """The next part of a stage begins. After its last part, that one is done."""
        for at in range(self._at + 1, len(self._parts)):
            if self._parts[at].stage is stage:
                self._move(at, 0.0, now_s)
                return
        if self._at >= 0 and self._parts[self._at].stage is stage:
            self._move(self._at, 1.0, now_s)

    def reach(self, phase: Phase, done_slices: int, now_s: float) -> None:
        """A phase has come so far; not as far as before where it is measured again.

        done_slices: of the whole plan.
        """
        earlier = self._plan.phases[: self._plan.phases.index(phase)]
        share = (done_slices - sum(each.turns for each in earlier)) / phase.turns
        for at, part in enumerate(self._parts):
            if part.of == (phase.block, phase.condition):
                self._move(at, share, now_s)

    def left_s(self, now_s: float) -> float | None:
        """Seconds until the last trial; None before anything has begun."""
        if self._at < 0:
            return None
        set_up, measuring = self._open()
        measuring *= self._measuring.factor(now_s)
        budget_s = self._study.stopping.budget_s
        if budget_s is not None:
            measuring = min(measuring, max(0.0, budget_s - self._measuring.elapsed_s(now_s)))
        return set_up * self._set_up.factor(now_s) + measuring

    def _open(self) -> tuple[float, float]:
        """Planned seconds that are left, of the set-up and of the measuring."""
        set_up = measuring = 0.0
        for part, share in zip(self._parts, self._shares, strict=True):
            left = self._seconds(part) * (1 - share)
            if part.stage in SETUP:
                set_up += left
            else:
                measuring += left
        return set_up, measuring

    def _seconds(self, part: _Part) -> float:
        return part.seconds if part.stage in SETUP else part.seconds / self._at_once

    def _move(self, at: int, share: float, now_s: float) -> None:
        """A part has come so far. What came before it is done, but in blocks beside its own."""
        here = self._parts[at].block
        for index, part in enumerate(self._parts):
            if index < at and (part.block == here or part.block <= max(0, here - self._at_once)):
                self._shares[index] = 1.0
            elif index > at and part.block == here:
                self._shares[index] = 0.0
        self._shares[at] = share
        self._at = at if self._at_once == 1 else max(self._at, at)
        set_up, measuring = self._open()
        if self._parts[at].stage in SETUP:
            self._set_up.note(set_up, now_s)
        else:
            self._measuring.note(measuring, now_s)


class _Pace:
    """How long planned seconds take, from the first look on."""

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None
        self._last_left_s = 0.0

    def note(self, left_s: float, now_s: float) -> None:
        """Record how many planned seconds are left now."""
        if self._first is None:
            self._first = (left_s, now_s)
        self._last_left_s = left_s

    def elapsed_s(self, now_s: float) -> float:
        """Seconds since the first look."""
        return 0.0 if self._first is None else now_s - self._first[1]

    def factor(self, now_s: float) -> float:
        """Real seconds per planned second."""
        if self._first is None:
            return 1.0
        done_s = self._first[0] - self._last_left_s
        return (self.elapsed_s(now_s) + _PRIOR_S) / (max(done_s, 0.0) + _PRIOR_S)


def _before(set_up: SetUp) -> list[_Part]:
    checks = _EXAMINED_S / set_up.at_once
    return [
        *(
            _Part(Stage.ENVIRONMENT, _READY_S if ready else _MADE_S)
            for ready in set_up.environments
        ),
        _Part(Stage.CEILING, _CEILING_S),
        _Part(Stage.DATABASE, _DATABASE_S),
        *[_Part(Stage.EXAMINATION, checks)] * set_up.variants,
    ]


def _measuring(study: Study, phases: Sequence[Phase]) -> list[_Part]:
    """Phases in their order; before the first one on new servers, the starts of those."""
    parts: list[_Part] = []
    started: tuple[int, int | None] | None = None
    ranks = {block: rank for rank, block in enumerate(dict.fromkeys(p.block for p in phases), 1)}
    for phase in phases:
        rank = ranks[phase.block]
        servers = (phase.block, phase.condition.workers)
        if servers != started or study.fresh == "condition":
            seconds = starts_s(study, phase.condition.workers)
            parts.append(_Part(Stage.STARTS, seconds, block=rank))
        started = servers
        seconds = phase_s(study, phase.condition)
        parts.append(_Part(Stage.PHASE, seconds, (phase.block, phase.condition), rank))
    return parts
