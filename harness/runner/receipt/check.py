"""Whether an application's answers can be measured, asked before anything is."""

from collections.abc import Callable

import msgspec

from harness.base.errors import UsageError, plain
from harness.base.secrecy import without_secrets
from harness.inputs.application import Wanted, WantedRequest
from harness.lab.applications.answers import ANSWER_S, ApplicationAnswer, NoWholeAnswer, ask
from harness.lab.applications.failures import quotable
from harness.lab.applications.refusals import refusal
from harness.lab.network import Address

_TIMES = 2
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
    checked: list[CheckedRequest] = []
    problems: list[str] = []
    quoted = ""
    for request in wanted.requests:
        seen: list[ApplicationAnswer] = []
        problem: str | None = None
        log = ""
        for _ in range(_TIMES):
            before = size()
            try:
                seconds = ANSWER_S if checked or problems or seen else first_s
                answer = ask(address, request, seconds, alive=alive)
            except NoWholeAnswer as error:
                remedy = "; start it, or correct --url" if wanted.url and error.silent else ""
                problem = f"`{plain(request.name, 100)}` {error.reason}{remedy}."
                log = "" if said is None else said(before)
                break
            log = "" if said is None else said(before)
            problem = refusal(wanted, request, answer, log)
            if problem is not None and seen:
                problem = (
                    f"{problem[:-1]}; the first time it answered {seen[0].status}, so it cannot be "
                    "repeated."
                )
            if problem is not None:
                break
            seen.append(answer)
        if problem is not None:
            problems.append(problem)
            quoted = quoted or log
            continue
        if len({answer.status for answer in seen}) > 1:
            statuses = " then ".join(str(answer.status) for answer in seen)
            problems.append(
                f"`{plain(request.name, 100)}` answers {statuses}, and a receipt needs equal "
                "answers."
            )
            continue
        checked.append(CheckedRequest(request, seen[-1].status, seen[-1].size))
    if problems:
        raise UnusableAnswers(_told(problems, quoted, secrets))
    return tuple(checked)


def _told(problems: list[str], log: str, secrets: tuple[str, ...]) -> str:
    """All sentences, and the end of the log of the first that has one."""
    quoted = quotable(log, secrets)
    told = without_secrets("\n".join(problems), secrets)
    return f"{told} Its log ends:\n{quoted}" if quoted else told
