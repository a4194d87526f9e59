"""The harness's end of the generator: a process on its own core that is told what to load."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from harness.errors import GeneratorFailed
from harness.lab.process import Child, launch
from harness.load import messages
from harness.load.messages import (
    Answer,
    Close,
    Command,
    Done,
    Edge,
    Exchange,
    Failed,
    Open,
    Slice,
    Tally,
    Window,
)  # fmt: skip


class Generator:
    """A running generator process. Use as a context manager."""

    def __init__(self, cpus: Sequence[int], log: Path | None = None) -> None:
        self._child: Child = launch(
            [sys.executable, "-m", "harness.load.worker"],
            cpus=cpus, log=log, pipes=True, death_signal="SIGKILL",
        )  # fmt: skip

    @property
    def pid(self) -> int:
        """Its process id, for its CPU clock."""
        return self._child.pid

    def open(
        self, target: str, host: str, port: int, *, connections: int, keep_alive: bool = True
    ) -> None:
        """Open connections to a server; what stood under that name is closed."""
        self._expect_done(Open(target, host, port, connections, keep_alive))

    def close(self, target: str) -> None:
        """Close a target's connections."""
        self._expect_done(Close(target))

    def slice(
        self, target: str, exchange: Exchange, seconds: float, timeout_s: float = 30.0
    ) -> Tally:
        """Load one target with a closed loop for `seconds`, then drain."""
        answer = self._ask(Slice(target, exchange, seconds, timeout_s))
        if not isinstance(answer, Tally):
            raise GeneratorFailed(f"The load generator answered a slice with {answer!r}.")
        return answer

    def window(
        self,
        target: str,
        exchange: Exchange,
        *,
        warmup_s: float,
        seconds: float,
        timeout_s: float = 30.0,
        at_edge: Callable[[Edge], None] = lambda _: None,
    ) -> Tally:
        """Load one target without a gap; `at_edge` is called as the window opens and closes."""
        answer = self._ask(Window(target, exchange, warmup_s, seconds, timeout_s))
        while isinstance(answer, Edge):
            at_edge(answer)
            answer = self._answer()
        if not isinstance(answer, Tally):
            raise GeneratorFailed(f"The load generator answered a window with {answer!r}.")
        return answer

    def stop(self) -> None:
        """End the process."""
        self._child.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _expect_done(self, command: Command) -> None:
        answer = self._ask(command)
        if not isinstance(answer, Done):
            raise GeneratorFailed(f"The load generator answered {command!r} with {answer!r}.")

    def _ask(self, command: Command) -> Answer:
        stream = self._child.popen.stdin
        assert stream is not None
        try:
            messages.write(stream, command)
        except BrokenPipeError:
            raise self._died() from None
        return self._answer()

    def _answer(self) -> Answer:
        stream = self._child.popen.stdout
        assert stream is not None
        answer = messages.read_answer(stream)
        if answer is None:
            raise self._died()
        if isinstance(answer, Failed):
            raise GeneratorFailed(f"The load generator refused: {answer.reason}.")
        return answer

    def _died(self) -> GeneratorFailed:
        words = self._child.last_words()
        return GeneratorFailed(
            "The load generator's process died; resume the run to repeat the trial."
            + (f" It said:\n{words}" if words else "")
        )
