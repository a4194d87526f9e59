"""Reads the counters of `instrument/sitecustomize.py` from an audited server's processes."""

import contextlib
import json
import socket
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from harness.audit.subject import Violation

_ANSWER_S = 5.0
_LONGEST_ANSWER = 65_536
_INSTRUMENT = Path(__file__).with_name("instrument")


class Counters:
    """The counters of one server, summed over its processes. Use as a context manager.

    The sockets are in a folder with a short name, because a socket's path may have no more than
    107 characters (unix(7)).
    """

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="bridgetoll-")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(_ANSWER_S)
        self._socket.bind(f"{self._folder.name}/asker")
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._folder.cleanup()

    @property
    def folder(self) -> Path:
        """Of the sockets."""
        return Path(self._folder.name)

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that instrument a server."""
        return {"BRIDGETOLL_AUDIT": self._folder.name, "PYTHONPATH": str(_INSTRUMENT)}

    def read(self) -> Counter[str]:
        """Read every counter; only differences of two readings have a meaning.

        Raises:
            Violation: no process answers, or one reports that it cannot count.
        """
        return self._ask(b"?")

    def tasks(self) -> int:
        """How many tasks of asyncio are under way.

        Raises:
            Violation: no process answers.
        """
        return self._ask(b"tasks")["tasks"]

    @contextlib.contextmanager
    def failing(self) -> Iterator[None]:
        """Let `uuid.uuid4()` raise an exception within the block, which says BUG.

        Raises:
            Violation: no process answers.
        """
        self._ask(b"fail")
        try:
            yield
        finally:
            self._ask(b"mend")

    def _ask(self, question: bytes) -> Counter[str]:
        """The sum of what all processes answer."""
        total: Counter[str] = Counter()
        for counts in self._answers(question):
            problems = counts.pop("problems")
            if problems:
                raise Violation("; ".join(problems))
            total.update(counts)
        return total

    def _answers(self, question: bytes) -> list[dict[str, Any]]:
        """What each process answers.

        Raises:
            Violation: none does.
        """
        answers: list[dict[str, Any]] = []
        for path in sorted(Path(self._folder.name).glob("*.sock")):
            with contextlib.suppress(ConnectionRefusedError):  # that process has ended
                self._socket.sendto(question, str(path))
                answers.append(json.loads(self._answer()))
        if not answers:
            raise Violation(
                "no process of the server answers the audit, so nothing in it could be counted; "
                "it must be a Python that imports `sitecustomize`"
            )
        return answers

    def _answer(self) -> bytes:
        try:
            return self._socket.recv(_LONGEST_ANSWER)
        except TimeoutError:
            raise Violation(
                f"a process of the server did not answer the audit within {_ANSWER_S:g} s; "
                "something in it holds the interpreter"
            ) from None
