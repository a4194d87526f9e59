"""The price ladder: which requests it makes, for the tolls that an application takes.

Its application is `lab/ladder/bridgetoll_ladder.py`, which says what a path means.
"""

from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec

from harness.analysis.causes.prices import CONNECT, THREAD
from harness.analysis.receipt.prices import LOOP, WRAPPER, hop, hop_that_waits
from harness.audit.http_client import NoAnswer, Probe
from harness.base.errors import ServerFailed
from harness.lab.ladder import bridgetoll_ladder
from harness.lab.network import HOST
from harness.load.protocol import Exchange
from harness.load.worker.http1 import request_bytes
from harness.runner.receipt.load import Loadable

FOLDER = Path(bridgetoll_ladder.__file__).parent
"""To be put on the path of the interpreter that runs the ladder."""
MODULE = bridgetoll_ladder.MODULE
"""The environment variable that names the module of the user's application."""
APPS = {"asgi": "bridgetoll_ladder:application", "wsgi": "bridgetoll_ladder:wsgi"}
"""By protocol."""
_PIECES = 4
"""Of work, in one hop or in as many hops."""
REQUEST, CONTEXT = "request", "context"
"""Terms beside the tolls: what the request itself costs, and asgiref's context around the hops."""
_WORK = "work"

type Steps = dict[str, dict[str, float]]
"""By path, how many of each term one request takes."""


class LadderPlace(msgspec.Struct, frozen=True):
    """What the ladder's application says of where it runs.

    threads: that a request starts, if it hops by asgiref as Django's handler lets it.
    kinds: of hops. query: why the project's database cannot be asked; None if it can be.
    connect: why no connection can be opened to it; likewise. python: version.
    """

    threads: int
    kinds: tuple[str, ...]
    query: str | None
    connect: str | None
    python: str


def steps_for(protocol: str, tolls: Collection[str], place: LadderPlace) -> Steps:
    """The steps that tell the prices of these tolls, as far as that is possible there.

    Args:
        protocol: `asgi` or `wsgi`, that the server speaks.
        tolls: names of prices.
        place: where the ladder runs.
    """
    steps: Steps = {"/none/-/0/0/nothing": {REQUEST: 1}}
    wraps = WRAPPER in tolls and place.query is None
    starts = THREAD in tolls or wraps
    for kind in place.kinds:
        plain, waits = hop(kind), hop_that_waits(kind)
        if protocol == "asgi":
            priced = {plain, waits} & {*tolls} or (kind == "asgiref" and starts)
            if priced:
                steps |= _hops(kind, place.threads if starts else 0)
            if kind == "asgiref" and place.query is None and (waits in tolls or wraps):
                steps |= _hops_that_ask(kind, place.threads if wraps else 0)
        elif kind == "asgiref" and {plain, waits} & {*tolls}:
            steps |= _hops_back(place)
    if protocol == "wsgi":
        steps |= _threads(tolls, place)
    elif LOOP in tolls:
        steps |= _inside("loop", LOOP, 4, protocol, place)
    if CONNECT in tolls and place.connect is None:
        steps |= _inside("connect", CONNECT, 1, protocol, place)
    return steps


def _hops(kind: str, threads: int) -> Steps:
    """The same pieces of work in one hop, and in one hop each.

    On a thread that is reused, and on one of the request, if that is to be priced.
    """
    work = f"{_WORK} (compute)"
    places = {"reused": 0.0, "request": float(threads)} if threads else {"reused": 0.0}
    if kind != "asgiref":
        places = {"-": 0.0}
    return {
        f"/{kind}/{place}/{hops}/{_PIECES}/compute": _terms(
            {REQUEST: 1, f"{CONTEXT} {kind}": 1, work: _PIECES, hop(kind): hops, THREAD: started}
        )
        for place, started in places.items()
        for hops in (1, _PIECES)
    }


def _hops_that_ask(kind: str, threads: int) -> Steps:
    """The same queries in one hop, and in one hop each.

    On a thread that is reused, and on one of the request, if its wrapper is to be priced.
    """
    work = f"{_WORK} (select)"
    places = {"reused": 0, "request": threads} if threads else {"reused": 0}
    return {
        f"/{kind}/{place}/{hops}/{_PIECES}/select": _terms(
            {
                REQUEST: 1, f"{CONTEXT} asking": 1, work: _PIECES, hop_that_waits(kind): hops,
                THREAD: started, WRAPPER: min(1, started),
            }
        )
        for place, started in places.items()
        for hops in (1, _PIECES)
    }  # fmt: skip


def _hops_back(place: LadderPlace) -> Steps:
    """Under WSGI, work goes back to the thread of the request, which waits in `async_to_sync`."""
    work = f"{_WORK} (compute)"
    steps: Steps = {f"/none/-/0/{_PIECES}/compute": {REQUEST: 1, work: _PIECES}}
    for hops in (1, _PIECES):
        steps[f"/asgiref/-/{hops}/0/compute"] = {
            REQUEST: 1, LOOP: 1, THREAD: place.threads, work: hops, hop("asgiref"): hops,
        }  # fmt: skip
    return steps


def _threads(tolls: Collection[str], place: LadderPlace) -> Steps:
    steps: Steps = {}
    wraps = WRAPPER in tolls and place.query is None
    if wraps or {THREAD, LOOP} & {*tolls}:
        steps["/thread/-/4/0/nothing"] = {REQUEST: 1, THREAD: 4}
    if wraps:
        asking: dict[str, float] = {REQUEST: 1, f"{_WORK} (select)": _PIECES}
        steps[f"/none/-/0/{_PIECES}/select"] = asking
        steps[f"/thread/-/{_PIECES}/{_PIECES}/select"] = asking | {
            THREAD: _PIECES, WRAPPER: _PIECES,
        }  # fmt: skip
    if LOOP in tolls and "asgiref" in place.kinds:
        steps["/loop/-/4/0/nothing"] = {REQUEST: 1, LOOP: 4, THREAD: 4 * place.threads}
    return steps


def _inside(what: str, name: str, times: int, protocol: str, place: LadderPlace) -> Steps:
    """Something done in a thread that is reused, against nothing done there."""
    done: dict[str, float] = {REQUEST: 1, f"{CONTEXT} {what}": 1}
    if protocol == "asgi":
        done[hop(place.kinds[0])] = 1
    thread = "reused" if "asgiref" in place.kinds else "-"
    return {
        f"/{what}/{thread}/0/0/nothing": done,
        f"/{what}/{thread}/{times}/0/nothing": done | {name: times},
    }


def _terms(counts: Mapping[str, float]) -> dict[str, float]:
    return {name: float(count) for name, count in counts.items() if count}


class Ladder:
    """The steps of one receipt, which are known once its application has said where it runs.

    Args:
        protocol: of the server. tolls: names of the prices that are wanted.
    """

    def __init__(self, protocol: str, tolls: Collection[str]) -> None:
        self._protocol = protocol
        self._tolls = tolls
        self.place: LadderPlace | None = None
        self.steps: Steps = {}

    @property
    def connects(self) -> bool:
        """Whether it is to ask the project's database, and so needs the project's settings."""
        return bool({CONNECT, WRAPPER, hop_that_waits("asgiref")} & {*self._tolls})

    @property
    def notes(self) -> tuple[str, ...]:
        """What cannot be priced there, each as one sentence."""
        if self.place is None:
            return ()
        reasons = {
            CONNECT: ("An opened connection", self.place.connect),
            WRAPPER: ("A DB wrapper", self.place.query),
        }
        return tuple(
            f"{what} has no price here: {why}."
            for toll, (what, why) in reasons.items()
            if toll in self._tolls and why is not None
        )

    def exchanges(self, live: Loadable) -> dict[str, Exchange]:
        """See `LoadSide.exchanges`.

        Raises:
            ServerFailed: it answers with something else.
        """
        if self.place is None:
            try:
                reply = Probe(f"http://{HOST}:{live.port}").get("/")
                self.place = msgspec.json.decode(reply.body, type=LadderPlace)
            except (NoAnswer, msgspec.DecodeError) as error:
                raise ServerFailed(f"The price ladder does not answer: {error}.") from None
            self.steps = steps_for(self._protocol, self._tolls, self.place)
        host = f"{HOST}:{live.port}"
        return {
            path: Exchange([request_bytes("GET", path, host)], body=b"{}") for path in self.steps
        }
