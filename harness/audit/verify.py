"""All checks on one variant, shared by the command `verify`, the gate before a run, and tests."""

import inspect
import re
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path

from harness.audit.bench import Bench
from harness.audit.connection_checks import connection_kept
from harness.audit.counters import Counters
from harness.audit.database_checks import (
    database_outage,
    errors_leave_the_database_alone,
    sql_effects,
)
from harness.audit.http_checks import HTTP_CHECKS, demand_sum
from harness.audit.http_client import NoAnswer, Probe, Request
from harness.audit.resource_checks import nothing_left_behind, pool, unexpected_error
from harness.audit.server_log import ServerLog
from harness.audit.subject import Check, Subject, Violation, demand
from harness.base.errors import (
    DatabaseFailed,
    NotReady,
    ServerFailed,
    UnknownName,
    check_scarce,
)
from harness.inputs.contract import cpu_sum
from harness.inputs.factors import REUSED, pool_of
from harness.inputs.manifests import Variant
from harness.inputs.settings import ApplicationSettings
from harness.lab.latency.observing_relay import ObservingRelay
from harness.lab.postgres.url import address_of, at_address
from harness.records.verification import FailureDetails, Outcome, Verification

_POOL, _THREADS = 8, 12
"""More threads than connections, so that requests can wait for one."""
MOST_HELD = 2 * max(_POOL, _THREADS)
"""Connections of one variant's two servers, at most."""
_FEW, _MANY = 50_000, 4_000_000
"""Iterations of the CPU loop: about 2 and 200 ms. The larger sum, like that of the contract's
default, does not fit in 64 bits, so an encoder that cannot write it fails here."""
_LEAST_SHARE = 0.4
"""Share of the harness's own time for the same loop. It is below 1 because the two run at different
moments on cores whose speed varies; a formula needs less than a thousandth."""
_POOL_TIMEOUT_S = 1.0
_WAIT_MS = 20
_ENDS_S = 2.0
"""A process that has closed its connections because it ends is gone in less, on a busy machine
too."""


STARTS = "starts"
"""The check that comes before all others."""
PURPOSE = "verify"
"""Of the log; see `Bench.log`."""


def verify(
    bench: Bench,
    variant: Variant,
    python: Path,
    *,
    only: Collection[str] = (),
    tell: Callable[[str], None] | None = None,
) -> Verification:
    """Start the variant twice, side by side, and run every check on one of the two.

    A server that no longer answers after a failed check is started anew for those that follow.

    Args:
        bench: database, servers, logs.
        variant: the one to check.
        python: the interpreter of its environment.
        only: names of checks to run; all if none. That it starts is always one.
        tell: is called with the name of each check when it begins.
    """
    bench.log(variant, PURPOSE).unlink(missing_ok=True)
    examination = _Examination(bench, variant, python, set(only), tell or _unheard)
    with suppress(ServerFailed):  # it is an outcome by then
        examination.run()
    return Verification(variant=variant.name, outcomes=tuple(examination.outcomes))


def _unheard(_: str) -> None:
    """For a caller that shows no progress."""


def checks() -> dict[str, str]:
    """Each check by its name, with a sentence of what it checks, in the order in which they run."""
    functions: list[Callable[..., object]] = [*_FIRST, cpu_really_runs, *_SECOND]
    return {
        STARTS: "The server starts, answers `/health`, and has its workers and one address.",
        **{name_of(function): _sentence(function) for function in functions},
    }


def check_names(names: Iterable[str]) -> list[str]:
    """Names of checks as they were typed, with any of space, hyphen and underscore.

    Raises:
        UnknownName: one is no check.
    """
    known = checks()
    typed = [re.sub(r"[\s_-]+", " ", name.strip().lower()) for name in names]
    for name in typed:
        if name not in known:
            raise UnknownName("check", name, list(known))
    return list(dict.fromkeys(typed))


def name_of(check: Callable[..., object]) -> str:
    """The function's name, with spaces."""
    return check.__name__.replace("_", " ")


def explanations() -> dict[str, tuple[str, ...]]:
    """What more a check's docstring says, paragraph by paragraph, by its name."""
    found: dict[str, tuple[str, ...]] = {}
    functions: list[Callable[..., object]] = [*_FIRST, cpu_really_runs, *_SECOND]
    for function in functions:
        _, *more = inspect.cleandoc(function.__doc__ or "").split("\n\n")
        found[name_of(function)] = tuple(" ".join(paragraph.split()) for paragraph in more)
    return found


def _sentence(check: Callable[..., object]) -> str:
    return (check.__doc__ or "").partition("\n")[0]


def cpu_really_runs(few: float, many: float) -> None:
    """`/cpu` runs its loop: CPU time grows with CPU_ITERATIONS.

    It grows from 50,000 to 4,000,000 iterations by at least 0.4 of what the loop takes here. The
    larger sum does not fit in 64 bits.
    """
    check_cpu_scales((_FEW, few), (_MANY, many))


_FIRST: tuple[Check, ...] = (
    pool, connection_kept, *HTTP_CHECKS, sql_effects, errors_leave_the_database_alone,
)  # fmt: skip
"""Checks of a server with a short CPU loop; that of the pool before any request."""
_SECOND: tuple[Check, ...] = (unexpected_error, nothing_left_behind, database_outage)
"""Checks of a server with a long CPU loop, a relay to the database, and the audit's instrument."""


class _Examination:
    """Checks of one variant, whose outcomes it gathers."""

    def __init__(
        self,
        bench: Bench,
        variant: Variant,
        python: Path,
        only: set[str],
        tell: Callable[[str], None],
    ) -> None:
        self._bench, self._variant, self._python = bench, variant, python
        self._log = ServerLog(bench.log(variant, PURPOSE), variant.folder)
        self._only, self._tell = only, tell
        self._silent: set[Request] = set()
        self.outcomes: list[Outcome] = []

    def run(self) -> None:
        """Run the checks that are wanted.

        Raises:
            ServerFailed: the server did not start, which is an outcome too.
        """
        first = [check for check in _FIRST if self._wanted(check)]
        second = [check for check in _SECOND if self._wanted(check)]
        cpu = self._wanted(cpu_really_runs)
        times: list[float] = []
        plain = _Stand(self._bench, self._variant, self._python, _FEW, watched=False)
        watched = _Stand(self._bench, self._variant, self._python, _MANY, watched=True)
        stands = [
            *([plain] if first or cpu or not second else []),
            *([watched] if second or cpu else []),
        ]
        with ThreadPoolExecutor(len(stands)) as self._hands, self._closing(stands):
            self._start(*stands)
            for check in first:
                self._check(plain, name_of(check), check)
            if cpu and self._check(plain, name_of(cpu_really_runs), _timer(times), told=False):
                self._check(watched, name_of(cpu_really_runs), _scaling(times))
            for check in second:
                self._check(watched, name_of(check), check)

    def _wanted(self, check: Callable[..., object]) -> bool:
        return not self._only or name_of(check) in self._only

    @contextmanager
    def _closing(self, stands: Sequence["_Stand"]) -> Iterator[None]:
        """Stop the servers side by side at the end of the block."""
        try:
            yield
        finally:
            list(self._hands.map(_Stand.close, stands))

    def _start(self, *stands: "_Stand") -> None:
        """Start servers side by side, in threads that outlive them: a server ends with its thread.

        See PR_SET_PDEATHSIG in prctl(2), by which a server ends when the harness dies.
        """
        self._tell(STARTS)
        begun = self._log.size()
        try:
            list(self._hands.map(lambda stand: stand.start(self._silent), stands))
        except ServerFailed as error:
            problem = seen = str(error)
            said = None
            if isinstance(error, NotReady):  # any other error says the cause by itself
                words = self._log.since(begun)
                said = None if words is None else words.text
                problem = error.what + (f" It said:\n{said}" if said else " It said nothing.")
                seen = error.what
            evidence = FailureDetails(expected=_READY, seen=seen, log=said)
            self._note(Outcome(STARTS, problem, evidence))
            raise
        if not any(outcome.check == STARTS for outcome in self.outcomes):
            self._note(Outcome(STARTS, None))

    def _note(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    def _check(self, stand: "_Stand", name: str, check: Check, *, told: bool = True) -> bool:
        """Run one check; returns whether it passed.

        told: whether passing is an outcome; a check in two parts has one.
        """
        self._tell(name)
        subject, begun = stand.subject, self._log.size()
        subject.probe.last = None
        try:
            check(subject)
        except Violation as violation:
            request = violation.request or subject.probe.last
            broken = violation.seen is not None and violation.seen.startswith("5")
            self._fail(name, violation, request, begun if broken else None)
        except NoAnswer as error:  # which is the server's failure, so it is an outcome too
            check_scarce(error)
            silent = error.timed_out  # so the log tells of something else, if of anything
            failure = stand.explained(error)
            self._fail(name, failure, error.request, begun, placed=not silent)
            if not stand.answers():
                self._start(stand)
        except DatabaseFailed as error:  # the server may hold a lock that the harness waits for
            self._note(Outcome(name, str(error)))
        else:
            if told:
                self._note(Outcome(name, None))
            return True
        return False

    def _fail(
        self,
        name: str,
        violation: Violation,
        request: Request | None,
        begun: int | None,
        *,
        placed: bool = True,
    ) -> None:
        """Note a failure.

        begun: size of the server's log when the check began; None where the log does not matter.
        placed: whether a traceback in the log tells the cause.
        """
        words = None if begun is None else self._log.since(begun)
        where = "" if request is None else f"{_shown(request)}: "
        evidence = FailureDetails(
            request=None if request is None else request.line,
            body=None if request is None else request.text,
            content_type=None if request is None else request.content_type,
            at_once=1 if request is None else request.at_once,
            expected=violation.expected,
            seen=violation.seen or str(violation),
            log=None if words is None else words.text,
        )
        place = words.place if words is not None and placed else None
        self._note(Outcome(name, f"{where}{violation}", evidence, place or violation.cause))


_READY = "a server that answers `/health`"


def _shown(request: Request) -> str:
    """A request in a sentence."""
    at_once = f", {request.at_once} at once" if request.at_once > 1 else ""
    return f"{request.line}{at_once}"


class _Stand:
    """A server of the variant; start it, also once more, and close it at last.

    Args:
        bench, variant, python: as of `verify`.
        iterations: of `/cpu`.
        watched: it reaches the database by a relay, which a check may close, and has the audit's
            instrument inside. The database knows it by a name of its own.
    """

    def __init__(
        self,
        bench: Bench,
        variant: Variant,
        python: Path,
        iterations: int,
        *,
        watched: bool,
    ) -> None:
        self._bench, self._variant, self._python = bench, variant, python
        self._iterations, self._watched = iterations, watched
        self._name = f"{variant.name} watched" if watched else variant.name
        self._url = bench.database.login(self._name)
        self._stack = ExitStack()

    def close(self) -> None:
        """Stop it, if it runs."""
        self._stack.close()

    def start(self, silent: set[Request]) -> None:
        """Start it, after one that runs has been stopped.

        silent: requests that have had no answer; see `Probe`.

        Raises:
            ServerFailed: it did not get ready.
        """
        self._stack.close()
        bench, variant = self._bench, self._variant
        log, url = bench.log(variant, PURPOSE), self._url
        way = counters = None
        if self._watched:
            way = self._stack.enter_context(ObservingRelay(address_of(url)))
            counters = self._stack.enter_context(Counters())
        settings = ApplicationSettings(
            database_url=url if way is None else at_address(url, way.address),
            pool_size=_POOL,
            pool_timeout_s=_POOL_TIMEOUT_S,
            cpu_iterations=self._iterations,
            wait_ms=_WAIT_MS,
        )
        self._server = self._stack.enter_context(
            bench.start(
                variant, self._python, settings, log, threads=_THREADS,
                extra=None if counters is None else counters.environment,
            )
        )  # fmt: skip
        self.subject = Subject(
            variant=self._name,
            probe=Probe(self._server.url, silent=silent),
            contract=bench.contract,
            database=bench.database,
            settings=settings,
            pool=pool_of(variant.factors),
            threads=_THREADS,
            waits_for_threads=variant.factors.get("threads") == REUSED,
            keep_alive=bench.servers[variant.server].fitted(variant.knobs).keep_alive,
            way=way,
            cpu_ns=self._server.cpu_ns,
            pids=self._pids,
            counters=counters,
        )

    def _pids(self) -> Collection[int]:
        self._server.clock.read_ns()  # finds processes that were started meanwhile
        return self._server.clock.pids

    def answers(self) -> bool:
        """Whether the server is still there and serves."""
        return self._server.running and self._server.healthy()

    def _ended(self) -> bool:
        """Whether it has ended, or is about to: its connections close before it is gone."""
        return not self.answers() and self._server.process.ends_within(_ENDS_S)

    def explained(self, error: NoAnswer) -> Violation:
        """A missing answer as a violation, with what has become of the server."""
        seen, route = str(error), error.request.route
        if not error.timed_out and self._ended():
            seen = f"{seen}: it {self._server.process.ending()}"
        return Violation(
            seen, expected="a complete response", seen=seen, cause=f"{route} does not answer"
        )


def _timer(times: list[float]) -> Check:
    """A check that notes the CPU time of a request to `/cpu`, in nanoseconds."""

    def time_cpu(subject: Subject) -> None:
        before = subject.cpu_ns()
        demand_sum(subject)
        times.append(float(subject.cpu_ns() - before))

    return time_cpu


def _scaling(times: list[float]) -> Check:
    """A check that takes the second of two times, and compares them."""

    def compare(subject: Subject) -> None:
        _timer(times)(subject)
        cpu_really_runs(*times)

    return compare


def check_cpu_scales(few: tuple[int, float], many: tuple[int, float]) -> None:
    """Check that CPU time per request grows with the iterations as the loop itself does.

    No closed formula can deceive the CPU clock.

    Args:
        few, many: iterations, and CPU nanoseconds per request, of two servers.

    Raises:
        Violation: it does not grow enough.
    """
    iterations = many[0] - few[0]
    growth = many[1] - few[1]
    with _own:  # variants are verified side by side, and one measurement is for all
        own = _own_loop_ns(iterations)
    demand(
        growth >= _LEAST_SHARE * own,
        f"{own / 1e6:.2f} ms more CPU time for {iterations:,} more iterations, as the loop takes "
        "here",
        f"{growth / 1e6:.2f} ms more; /cpu does not run the loop",
    )


_own = threading.Lock()
_TIMED = 200_000
"""Iterations: a twentieth of the larger loop, each of which costs as much as any other."""


@cache
def _own_loop_ns(iterations: int) -> float:
    """CPU time of the loop in this interpreter: from its fastest of five parts."""
    part = min(iterations, _TIMED)
    best = float("inf")
    for _ in range(5):
        before = time.thread_time_ns()
        ct = cpu_sum(iterations)
        for i in range(iterations - part, iterations):
            ct += i * i
        best = min(best, time.thread_time_ns() - before)
    return best * iterations / part
