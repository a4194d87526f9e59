"""The load generator: processes on their own cores, and the harness's end of them."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol, Self

import msgspec
import numpy as np

from harness.base.channel import PATIENCE_S, POLL_S, Channel, polling
from harness.base.errors import GeneratorFailed
from harness.inputs.settings import OPENS_PER_S
from harness.lab.process import Child, launch
from harness.load.protocol import (
    ANSWERS,
    Answer,
    Arrivals,
    Close,
    Command,
    Done,
    Exchange,
    Failed,
    Open,
    Opened,
    Slice,
    Tally,
    Window,
)


class Edge(msgspec.Struct, frozen=True):
    """The opening or the closing of a window; `at_ns` is its time on the monotonic clock."""

    open: bool
    at_ns: int


_OPENING_S = 5.0
"""The generator waits for connections for so long at most before a load; see `worker.target`."""
_SPREAD = 2 / 3
"""Of a window's warm-up, during which a closed loop's connections send their first requests."""
_TICK_NS = 1_000_000
"""poll(2) wakes at whole milliseconds; the edge of a window is met more closely."""


def _undisturbed() -> None:
    """Wait on."""


class Generator(Protocol):
    """Loads servers, one at a time, and counts the correct responses.

    The generator's processes are one (`ProcessGenerator`); tests have a fake on a clock of its own.
    """

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids, for CPU clocks."""

    def open(
        self, target: str, host: str, port: int, *, connections: int, keep_alive: bool = True
    ) -> Opened:
        """Open connections to a server under a name; tell what became of them."""

    def close(self, target: str) -> None:
        """Close a target's connections."""

    def slice(
        self, target: str, exchange: Exchange, seconds: float, timeout_s: float = 30.0
    ) -> Tally:
        """Load one target with a closed loop for `seconds`, then drain."""

    def window(
        self,
        target: str,
        exchange: Exchange,
        *,
        warmup_s: float,
        seconds: float,
        timeout_s: float = 30.0,
        arrivals: Arrivals | None = None,
        at_edge: Callable[[Edge], None] = lambda _: None,
    ) -> Tally:
        """Load one target without a gap; `at_edge` is called as the window opens and closes."""


class ProcessGenerator:
    """Running generator processes that share every target's connections. A context manager.

    Args:
        cpus: processors they may use; with several processes, each gets its own as far as they go.
        log: a file for their standard error.
        processes: more than one where one core does not suffice.
        meanwhile: is called a few times a second while a load is waited for; what it raises ends
            the waiting.
    """

    def __init__(
        self,
        cpus: Sequence[int],
        log: Path | None = None,
        processes: int = 1,
        meanwhile: Callable[[], None] = _undisturbed,
    ) -> None:
        self._meanwhile = meanwhile
        pinned = [cpus if processes == 1 else [cpus[i % len(cpus)]] for i in range(processes)]
        with ExitStack() as stack:
            self._workers: list[_Worker] = []
            for own in pinned:
                self._workers.append(_Worker(own, log))
                stack.callback(self._workers[-1].stop)
            self._stack = stack.pop_all()
        self._loading: dict[str, list[_Worker]] = {}

    @property
    def pids(self) -> tuple[int, ...]:
        """Their process ids, for their CPU clocks."""
        return tuple(worker.pid for worker in self._workers)

    def open(
        self, target: str, host: str, port: int, *, connections: int, keep_alive: bool = True
    ) -> Opened:
        """Open connections to a server, at a steady rate; those under the same name are closed.

        Raises:
            GeneratorFailed: this machine has no file or port left for them.
        """
        if target in self._loading:
            self.close(target)
        taking = self._workers[:connections]
        self._loading[target] = taking
        for share, worker in zip(_shares(connections, len(taking)), taking, strict=True):
            per_s = OPENS_PER_S / len(taking)
            worker.tell(Open(target, host, port, share, keep_alive, per_s))
        patience_s = _OPENING_S + connections / OPENS_PER_S + PATIENCE_S
        answers = [worker.answer(patience_s, self._meanwhile) for worker in taking]
        opened = [answer for answer in answers if isinstance(answer, Opened)]
        if len(opened) < len(answers):
            raise _out_of_step(answers)
        return all_opened(opened)

    def close(self, target: str) -> None:
        """Close a target's connections."""
        taking = self._take(target)
        del self._loading[target]
        for worker in taking:
            worker.tell(Close(target))
        self._expect_done(taking)

    def slice(
        self, target: str, exchange: Exchange, seconds: float, timeout_s: float = 30.0
    ) -> Tally:
        """Load one target with a closed loop for `seconds`, then drain."""
        taking = self._take(target)
        for worker in taking:
            worker.tell(Slice(target, exchange, seconds, timeout_s))
        return self._sum(taking, seconds + timeout_s)

    def window(
        self,
        target: str,
        exchange: Exchange,
        *,
        warmup_s: float,
        seconds: float,
        timeout_s: float = 30.0,
        arrivals: Arrivals | None = None,
        at_edge: Callable[[Edge], None] = lambda _: None,
    ) -> Tally:
        """Load one target without a gap; `at_edge` is called as the window opens and closes.

        Args:
            target: the name under which it was opened.
            exchange: the requests and their correct answers.
            warmup_s: load before the window opens.
            seconds: its length.
            timeout_s: of a request.
            arrivals: an open loop's; a closed loop if None.
            at_edge: reads the clocks; every process has the same edges.
        """
        taking = self._take(target)
        opens_ns = time.monotonic_ns() + round(warmup_s * 1e9)
        spread_ns = round(_SPREAD * warmup_s * 1e9)
        closes_ns = opens_ns + round(seconds * 1e9)
        for number, worker in enumerate(taking):
            own = None if arrivals is None else _share(arrivals, number, len(taking))
            worker.tell(Window(target, exchange, opens_ns, closes_ns, timeout_s, own, spread_ns))
        for edge in (Edge(True, opens_ns), Edge(False, closes_ns)):
            if not _silent_until(taking, edge.at_ns, self._meanwhile):
                break  # an early answer reports a failure
            at_edge(edge)
        return self._sum(taking, warmup_s + seconds + timeout_s)

    def stop(self) -> None:
        """End the processes."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _take(self, target: str) -> "list[_Worker]":
        try:
            return self._loading[target]
        except KeyError:
            raise GeneratorFailed(
                f"The load generator has no target `{target}`; open it first."
            ) from None

    def _sum(self, workers: "Sequence[_Worker]", seconds: float) -> Tally:
        """What all of them have counted, after a load of so many seconds at most."""
        patience_s = _OPENING_S + seconds + PATIENCE_S
        answers = [worker.answer(patience_s, self._meanwhile) for worker in workers]
        tallies = [answer for answer in answers if isinstance(answer, Tally)]
        if len(tallies) < len(answers):
            raise _out_of_step(answers)
        return merged(tallies)

    def _expect_done(self, workers: "Sequence[_Worker]") -> None:
        for worker in workers:
            answer = worker.answer(_OPENING_S + PATIENCE_S, self._meanwhile)
            if not isinstance(answer, Done):
                raise _out_of_step([answer])


def _out_of_step(answers: Sequence[Answer]) -> GeneratorFailed:
    """It answered another question: a load was broken off, and its tally comes now."""
    kinds = ", ".join(type(answer).__name__ for answer in answers)
    return GeneratorFailed(f"The load generator answered with {kinds}; report it.")


class _Worker:
    """One process, and the channel to it."""

    def __init__(self, cpus: Sequence[int], log: Path | None) -> None:
        self._child: Child = launch(
            [sys.executable, "-m", "harness.load.worker.worker"],
            cpus=cpus, log=log, pipes=True, death_signal="SIGKILL", prompt=True,
        )  # fmt: skip
        pipes = self._child.popen.stdin, self._child.popen.stdout
        self.channel = Channel(*pipes, ANSWERS, self._died, self._silent)

    @property
    def pid(self) -> int:
        return self._child.pid

    def tell(self, command: Command) -> None:
        self.channel.tell(command)

    def answer(self, patience_s: float, meanwhile: Callable[[], None]) -> Answer:
        answer = self.channel.answer(patience_s, meanwhile)
        if isinstance(answer, Failed):
            raise GeneratorFailed(f"The load generator refused: {answer.reason}.")
        return answer

    def stop(self) -> None:
        self._child.stop()

    def _died(self) -> GeneratorFailed:
        return GeneratorFailed(
            f"The load generator's process {self.pid} {self._child.ending()}."
            + self._child.quotation()
        )

    def _silent(self, seconds: float) -> GeneratorFailed:
        return GeneratorFailed(
            f"The load generator's process {self.pid} did not answer within {seconds:.0f} s, as if "
            "it was halted."
        )


def _silent_until(workers: Sequence[_Worker], at_ns: int, meanwhile: Callable[[], None]) -> bool:
    """Wait until that time; False if one of them answers or dies before."""
    poll = polling([worker.channel.answers for worker in workers])
    while (remaining := at_ns - time.monotonic_ns()) > _TICK_NS:
        if poll.poll(min(remaining // _TICK_NS, POLL_S * 1e3)):
            return time.monotonic_ns() >= at_ns
        meanwhile()
    time.sleep(max(0, at_ns - time.monotonic_ns()) / 1e9)
    return True


def _shares(connections: int, processes: int) -> list[int]:
    """Connections per process, as even as possible."""
    return [connections // processes + (i < connections % processes) for i in range(processes)]


def _share(arrivals: Arrivals, number: int, of: int) -> Arrivals:
    """One process's part of the arrivals: Poisson processes add up, and equal gaps interleave."""
    return msgspec.structs.replace(
        arrivals,
        rate_per_s=arrivals.rate_per_s / of,
        seed=(*arrivals.seed, number),
        offset_s=arrivals.offset_s + number / arrivals.rate_per_s,
    )


def merged(tallies: Sequence[Tally]) -> Tally:
    """Sum of the counts; first start to last end; requests in order of completion again."""
    if len(tallies) == 1:
        return tallies[0]
    latencies = _concatenated([t.latencies for t in tallies])
    starts = _concatenated([t.starts for t in tallies])
    order = np.argsort(starts + latencies, kind="stable")
    errors: Counter[str] = Counter()
    early: Counter[str] = Counter()
    for tally in tallies:
        errors.update(tally.errors)
        early.update(tally.errors_early)
    return Tally(
        correct=sum(t.correct for t in tallies),
        errors=dict(errors),
        samples=[sample for t in tallies for sample in t.samples],
        reconnects=sum(t.reconnects for t in tallies),
        start_ns=min(t.start_ns for t in tallies),
        end_ns=max(t.end_ns for t in tallies),
        latencies=latencies[order].tobytes(),
        starts=starts[order].tobytes(),
        lags=b"".join(t.lags for t in tallies),
        ends_before=b"".join(t.ends_before for t in tallies),
        before=sum(t.before for t in tallies),
        in_flight=sum(t.in_flight for t in tallies),
        dropped=sum(t.dropped for t in tallies),
        sent=sum(t.sent for t in tallies),
        paused_ns=max(t.paused_ns for t in tallies),
        errors_early=dict(early),
        drain_ns=max(t.drain_ns for t in tallies),
    )


def all_opened(parts: Sequence[Opened]) -> Opened:
    """The connections of all processes together, which are opened side by side."""
    return Opened(
        opened=sum(part.opened for part in parts),
        slow=sum(part.slow for part in parts),
        refused=sum(part.refused for part in parts),
        unanswered=sum(part.unanswered for part in parts),
        failed=sum(part.failed for part in parts),
        longest_ns=max(part.longest_ns for part in parts),
        elapsed_ns=max(part.elapsed_ns for part in parts),
    )


def _concatenated(parts: Sequence[bytes]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.frombuffer(b"".join(parts), dtype=np.int64)
