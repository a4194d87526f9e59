"""The actor that holds a place on a worker of a Dask cluster."""

import asyncio
import contextlib
import pickle
import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from harness.base import errors
from harness.base.errors import BridgetollError
from harness.inputs.study import Study
from harness.runner.places.place import OwnPlace, facts
from harness.runner.places.roles import Duty

_THREADS = 32
"""Calls under way: a load, its edges, a second load, and starts of servers beside each other."""
_FORSAKEN_S = 30.0
"""Without a call from the harness a place stops what it has started. The harness calls every other
second, and a link that is cut for longer has spoilt the run."""
_LOOK_S = 1.0


class Refusal(msgspec.Struct, frozen=True):
    """An error for a reader, on its way: errors with arguments of their own cannot be pickled.

    kind: the name of its class, or of the nearest base that takes a text alone.
    """

    kind: str
    text: str


class PlaceActor:
    """Carries out calls on a place, each in a thread, so that a long one holds up no other.

    The threads last as long as the process: the kernel ends a child when the thread has ended that
    started it (prctl(2), PR_SET_PDEATHSIG).
    """

    def __init__(self) -> None:
        self._token = secrets.token_hex(8)
        self._pool = ThreadPoolExecutor(_THREADS, "place")
        self._place: OwnPlace | None = None
        self._guard = threading.Lock()
        self._heard = time.monotonic()
        self._ended = threading.Event()
        self._watching = threading.Thread(target=self._keep_watch, name="forsaken", daemon=True)
        self._watching.start()

    async def ping(self) -> str:
        """Tell that it lives: a token that another instance would not know."""
        self._heard = time.monotonic()
        return self._token

    async def facts(self, study: Study) -> Any:
        """See `place.facts`."""
        return await self._elsewhere(facts, study)

    async def open(self, duty: Duty) -> Any:
        """Take up roles."""
        return await self._elsewhere(self._open, duty)

    async def call(self, packed: bytes) -> bytes:
        """Call a method of the place; a `Refusal` stands for an error meant for a reader.

        Args:
            packed: its name and its arguments, pickled; so is the result. The engine would pickle
                each by itself, which takes half a millisecond more at both ends.
        """
        answer: bytes = await self._elsewhere(self._call, packed)
        return answer

    async def close(self) -> Any:
        """Stop all that was started, and end; the worker may serve another run."""
        try:
            return await self._elsewhere(self._close)
        finally:
            self._ended.set()
            self._pool.shutdown(wait=False)

    async def _elsewhere(self, action: Any, *arguments: Any) -> Any:
        self._heard = time.monotonic()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, _answer, action, arguments)

    def _open(self, duty: Duty) -> None:
        place = OwnPlace(duty)
        with self._guard:
            self._place = place

    def _call(self, packed: bytes) -> bytes:
        method, arguments = pickle.loads(packed)
        return pickle.dumps(_answer(self._method, (method, *arguments)))

    def _method(self, name: str, *arguments: Any) -> Any:
        if self._place is None:
            raise BridgetollError("The worker was started anew, and nothing of the run is on it.")
        return getattr(self._place, name)(*arguments)

    def _close(self) -> None:
        with self._guard:
            place, self._place = self._place, None
        if place is not None:
            place.close()

    def _keep_watch(self) -> None:
        """Stop all once the harness is silent for too long; a later call is then refused."""
        while self._place is None or time.monotonic() - self._heard <= _FORSAKEN_S:
            if self._ended.wait(_LOOK_S):
                return
        with contextlib.suppress(Exception):
            self._close()


def _kind(error: BridgetollError) -> str:
    def takes_a_text_alone(kind: type) -> bool:
        ours = [base for base in kind.__mro__ if base.__module__ == errors.__name__]
        return bool(ours) and not any("__init__" in vars(base) for base in (kind, *ours))

    return next(filter(takes_a_text_alone, type(error).__mro__)).__name__


def _answer(action: Any, arguments: tuple[Any, ...]) -> Any:
    try:
        return action(*arguments)
    except BridgetollError as error:
        return Refusal(_kind(error), str(error))
    except TimeoutError as error:  # which would look like a call that still goes on
        raise OSError(f"no answer in time: {error}") from None
    except Exception as error:
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            raise RuntimeError(f"{type(error).__name__}: {error}") from None
        raise
