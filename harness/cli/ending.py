"""How a command ends, told in one place: what failed, what is kept, and what continues it."""

import contextlib
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from harness.base import signals
from harness.base.errors import BridgetollError, RunFailed, Stopped, SystemRefused, UsageError

if TYPE_CHECKING:
    from harness.records.store import Store

_NOTHING_LEFT = "nothing is left running; the same command starts anew."


def told(error: Exception | signals.Interrupted) -> int:
    """Print how the command ended; returns its exit status.

    Raises:
        Exception: the error itself, if it is a bug.
    """
    number = signals.received()
    if isinstance(error, Stopped):
        _print(_stopped_by(error.number), str(error))
        return error.exit_status
    if number is not None:  # whatever failed meanwhile, it failed because of that
        if isinstance(error, BridgetollError):
            _print("error", str(error))
        _print(_stopped_by(number), _NOTHING_LEFT)
        return 128 + number
    if not isinstance(error, BridgetollError | OSError):
        raise error
    failure = _named(error)
    _print("error", str(failure))
    return failure.exit_status


@contextmanager
def when_stopped(sentence: str) -> Iterator[None]:
    """If a signal ends the block, tell this: what is kept, and what continues.

    Raises:
        Stopped: with the sentence.
    """
    try:
        yield
    except BaseException:
        if (number := signals.received()) is None:
            raise
        raise Stopped(sentence, number) from None


class RunEnding:
    """How a run ends: collects what fails, and tells it together with what is kept.

    A failure to report never takes the place of a failure to measure.
    """

    def __init__(self, store: "Store") -> None:
        self._store = store
        self._measuring: BridgetollError | None = None
        self._reporting: BridgetollError | None = None

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Measure within the block; a failure is told at the end.

        Raises:
            UsageError: the run cannot be measured as asked.
            Stopped: a signal.
        """
        try:
            yield
        except BaseException as error:
            if (number := signals.received()) is not None:
                raise Stopped(self._kept("nothing is left running"), number) from None
            if isinstance(error, UsageError) or not isinstance(error, BridgetollError | OSError):
                raise
            self._measuring = _named(error)

    @property
    def reportable(self) -> bool:
        """Whether there is a run to report."""
        return (self._store.folder / "run.json").is_file()

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Report within the block; a failure is told at the end.

        Raises:
            Stopped: a signal.
        """
        try:
            yield
        except BaseException as error:
            if (number := signals.received()) is not None:
                raise Stopped(self._unreported(), number) from None
            if not isinstance(error, BridgetollError | OSError):
                raise
            self._reporting = _named(error)

    def tell(self) -> str:
        """What is kept, if nothing failed.

        Raises:
            BridgetollError: what failed, with what is kept.
        """
        if self._measuring is None and self._reporting is None:
            return self._kept(ended=True)
        parts: list[str] = []
        if self._measuring is not None:
            parts.append(str(self._measuring))
        if self._reporting is not None:
            also = "" if self._measuring is None else "Also, "
            parts.append(
                f"{also}the report of {self._store.id} could not be made: {self._reporting}"
            )
        unreported = self._measuring is None
        parts.append(self._unreported() if unreported else self._kept(said=parts[0]))
        failure = self._measuring or self._reporting
        assert failure is not None
        raise RunFailed(_gap("".join(parts)).join(filter(None, parts)), failure.exit_status)

    def _unreported(self) -> str:
        """What is kept of a run that is measured and lacks its report."""
        return f"{self._share()}; `bridgetoll report {self._store.id}` makes the report."

    def _kept(self, besides: str = "", said: str = "", *, ended: bool = False) -> str:
        """What is kept, and the command that continues.

        Args:
            besides: what else holds.
            said: what is told already, perhaps with the command.
            ended: whether the run ended by itself: at a look there is then no more to measure.
        """
        if (gone := self._store.gone) is not None and gone in said:
            return ""
        with contextlib.suppress(BridgetollError, OSError):
            run = self._store.read_run()
            kept = self._store.kept(run)
            told = ", and ".join(filter(None, (self._share(), besides)))
            command = f"`{run.continuing}`"
            unable = run.study.baseline in run.excluded or not kept.planned
            early = ended and kept.blocks in run.study.looks
            if kept.complete and besides:  # stopped between the last trial and the report
                return f"{told}; `bridgetoll report {run.id}` makes the report."
            if kept.complete or unable or early or command in said:
                return f"{told}."
            return f"{told}; continue with {command}."
        if besides:
            return f"nothing was measured, and {besides}; the same command starts anew."
        return "Nothing was measured; the same command starts anew."

    def _share(self) -> str:
        kept = self._store.kept(self._store.read_run())
        return (
            f"{self._store.id} keeps {kept.trials} of {kept.planned} trials "
            f"({kept.blocks} of {kept.planned_blocks} blocks)"
        )


def _named(error: BridgetollError | OSError) -> BridgetollError:
    """The error for a reader, with the one that happened first if tidying up failed after it."""
    named = SystemRefused(error) if isinstance(error, OSError) else error
    first = error.__context__
    if error.__suppress_context__ or not isinstance(first, BridgetollError | OSError):
        return named
    earlier = _named(first)
    return RunFailed(f"{earlier}{_gap(str(earlier))}Then also: {named}", earlier.exit_status)


def _gap(text: str) -> str:
    """What separates a text from the next sentence: it may end in lines that it quotes."""
    return "\n" if "\n" in text else " "


def _stopped_by(number: int) -> str:
    return "stopped" if number == signal.SIGINT else f"stopped by {signal.Signals(number).name}"


def _print(label: str, text: str) -> None:
    """Print to standard error, also where the console cannot be loaded or the terminal is gone."""
    try:
        from harness.cli.console import warn

        warn(label, text, "bold red")
    except Exception:  # no file can be opened, or an import was interrupted
        with contextlib.suppress(OSError):
            sys.stderr.write(f"{label}: {text}\n")
