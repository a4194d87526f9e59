"""Whether an application's answers can be measured, asked before anything is."""

import http
from collections.abc import Callable, Sequence

import msgspec

from harness.base.errors import UsageError, plain
from harness.base.secrecy import without_secrets
from harness.inputs.application import Wanted, WantedRequest
from harness.lab.applications.answers import ANSWER_S, ApplicationAnswer, NoWholeAnswer, ask
from harness.lab.applications.failures import quotable
from harness.lab.applications.refusals import refusal
from harness.lab.network import Address

TIMES = 2
"""A request is sent so often: one that works only once cannot be measured."""


class CheckedRequest(msgspec.Struct, frozen=True):
    """A request whose answers can be measured.

    status: of its answers. size: bytes of the last body.
    """

    request: WantedRequest
    status: int
    size: int


class UnusableAnswers(UsageError):
    """Some requests have no answer that can be measured; nothing was."""


def check_answers(
    wanted: Wanted,
    address: Address,
    said: Callable[[int], str] | None = None,
    size: Callable[[], int] = lambda: 0,
    alive: Callable[[], bool] = lambda: True,
    first_s: float = ANSWER_S,
    secrets: tuple[str, ...] = (),
) -> tuple[CheckedRequest, ...]:
    """Send every request twice, and refuse answers that cannot be measured.

    Args:
        wanted: the requests, and which statuses are accepted.
        address: of the server.
        said: what the server's log has gained since it had that size; None without a log.
        size: of its log.
        alive: whether the server runs.
        first_s: time limit of the first answer: a server may still be starting.
        secrets: that no message may show.

    Raises:
        UnusableAnswers: with a sentence for each request.
    """
    asker = _Asker(wanted, address, said, size, alive)
    checked: list[CheckedRequest] = []
    problems: list[_Problem] = []
    for number, request in enumerate(wanted.requests):
        outcome = asker.outcome(request, ANSWER_S if number else first_s)
        if isinstance(outcome, _Problem):
            problems.append(outcome)
        else:
            checked.append(outcome)
    if problems:
        log = next((problem.log for problem in problems if problem.log), "")
        raise UnusableAnswers(_told([problem.sentence for problem in problems], log, secrets))
    return tuple(checked)


class _Problem(msgspec.Struct, frozen=True):
    """Why a request cannot be measured, and what the log said where that tells more."""

    sentence: str
    log: str = ""


class _Asker(msgspec.Struct, frozen=True):
    """Asks single requests; see `check_answers`."""

    wanted: Wanted
    address: Address
    said: Callable[[int], str] | None
    size: Callable[[], int]
    alive: Callable[[], bool]

    def outcome(self, request: WantedRequest, first_s: float) -> CheckedRequest | _Problem:
        """Whether all answers to a request can be measured, and are alike."""
        seen: list[ApplicationAnswer] = []
        for _ in range(TIMES):
            before = self.size()
            try:
                answer = ask(self.address, request, ANSWER_S if seen else first_s, alive=self.alive)
            except NoWholeAnswer as error:
                remedy = "; start it, or correct --url" if self.wanted.url and error.silent else ""
                return _Problem(f"`{_shown(request)}` {error.reason}{remedy}.", self._log(before))
            log = self._log(before)
            problem = refusal(self.wanted, request, answer, log)
            if problem is not None:
                return _Problem(
                    _repeated(problem, seen),
                    log if answer.status >= http.HTTPStatus.INTERNAL_SERVER_ERROR else "",
                )
            seen.append(answer)
        if len({answer.status for answer in seen}) > 1:
            statuses = " then ".join(str(answer.status) for answer in seen)
            return _Problem(
                f"`{_shown(request)}` answers {statuses}, and a receipt needs equal answers."
            )
        return CheckedRequest(request, seen[-1].status, seen[-1].size)

    def _log(self, before: int) -> str:
        """What the server has said since its log had that size."""
        return "" if self.said is None else self.said(before)


def _repeated(problem: str, seen: Sequence[ApplicationAnswer]) -> str:
    """The sentence of a refusal; a request that worked before cannot be repeated."""
    if not seen:
        return problem
    return f"{problem[:-1]}; the first time it answered {seen[0].status}, so it cannot be repeated."


def _shown(request: WantedRequest) -> str:
    return plain(request.name, 100)


def _told(problems: list[str], log: str, secrets: tuple[str, ...]) -> str:
    """All sentences, and the end of the log of the first that has one."""
    quoted = quotable(log, secrets)
    told = without_secrets("\n".join(problems), secrets)
    return f"{told} The server's log ends:\n{quoted}" if quoted else told
