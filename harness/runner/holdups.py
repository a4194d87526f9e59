"""Turns that wait for answers until their time limit, and when to wait no longer.

Each request may take `timeout_s`, 30 s by default, and a turn ends with its last answer. A server
that admits 16 of 64 connections would stretch every slice of 0.1 s to 30 s: hours for a study of
minutes. So a variant is stopped under a condition after at most four such turns; the others go on.
"""

from collections import Counter

from harness.load.protocol import Tally

_IN_A_ROW = 2
"""The warm-up and the first turn, for example: by then it is no accident."""
_IN_ALL = 4
"""So many may be accidents, but not more: with 30 s each they take two minutes."""
_TIMEOUT = "timeout"
"""The kind of error, see `protocol.Tally`."""
_UNANSWERED = frozenset({_TIMEOUT, "connect", "closed"})
"""The kinds of error of requests that got no answer at all."""


class HoldUps:
    """Those of one entry under one condition.

    Args:
        timeout_s: the time limit of a request.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._in_a_row = 0
        self._in_all = 0
        self._unanswered = 0
        self._answered = False

    def note(self, tally: Tally, *, drained: bool) -> str | None:
        """Take note of a turn.

        Args:
            tally: of the turn.
            drained: whether it was a closed loop that waited for its last answer. A window may be
                offered more than the server can do, and is judged by that.

        Returns:
            Why the entry should have no further turn under this condition; None to go on.
        """
        failures = _failures(tally)
        late = failures.get(_TIMEOUT, 0)
        if late and not _answers(tally) and set(failures) == {_TIMEOUT}:
            return f"none of {late} requests was answered within {self._timeout_s:g} s"
        if reason := self._never_answered(tally):
            return reason
        if not late or not drained:
            self._in_a_row = 0
            return None
        self._in_a_row += 1
        self._in_all += 1
        if self._in_a_row < _IN_A_ROW and self._in_all < _IN_ALL:
            return None
        return (
            f"{late} of {tally.sent} requests were not answered within {self._timeout_s:g} s, and "
            f"{self._in_all} turns lasted that long"
        )

    def _never_answered(self, tally: Tally) -> str | None:
        """Why to stop an entry whose port refuses, or closes, all connections from the start."""
        failures = _failures(tally)
        kinds = {kind for kind, count in failures.items() if count}
        if _answers(tally) or kinds - _UNANSWERED:
            self._answered = True
        if self._answered or not kinds:
            return None
        self._unanswered += 1
        if self._unanswered < _IN_A_ROW:
            return None
        return (
            f"none of {sum(failures.values())} requests was answered, nor any before "
            f"(errors: {', '.join(sorted(kinds))})"
        )

    def warning(self, tally: Tally) -> str | None:
        """What to tell at once of a first turn that was held up; None if it was not."""
        late = tally.errors.get(_TIMEOUT, 0)
        if not late or self._in_all != 1:
            return None
        return f"{late} of {tally.sent} requests were not answered within {self._timeout_s:g} s"


def _failures(tally: Tally) -> dict[str, int]:
    """By kind; of a window also those that were under way as it opened."""
    return dict(Counter(tally.errors) + Counter(tally.errors_early))


def _answers(tally: Tally) -> int:
    """Correct answers, those after a window's end included."""
    return tally.completed + tally.in_flight
