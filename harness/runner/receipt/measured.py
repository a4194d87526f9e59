"""What a receipt measures under load: the application, one beside it, and the price ladder."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path

import msgspec

from harness.inputs.application import module_of
from harness.lab.applications.application import PreparedApplication, start_application
from harness.lab.machine import propose_cores
from harness.lab.network import HOST
from harness.load.protocol import Exchange
from harness.records.observation import LadderStep, Loaded, LoadedBlock
from harness.runner.receipt.check import CheckedRequest
from harness.runner.receipt.ladder import APPS, FOLDER, MODULE, Ladder
from harness.runner.receipt.load import (
    Effort,
    Loadable,
    LoadResult,
    LoadSide,
    load_sides,
    open_tools,
)

_THREADS = 16
"""Of each server that has threads, as in studies."""
_MOST_KINDS = 3
THE_APPLICATION, THE_OTHER, LADDER = "the application", "the other application", "the ladder"


class LoadedApplication(msgspec.Struct, frozen=True):
    """An application, and what it is asked under load; see `check.check_answers`."""

    prepared: PreparedApplication
    checked: tuple[CheckedRequest, ...]


def measure(
    application: LoadedApplication,
    other: LoadedApplication | None,
    tolls: Collection[str],
    effort: Effort,
    logs: Path,
    told: Callable[[float], None] = lambda _: None,
) -> Loaded:
    """Load both applications and the price ladder in turns; see `load.load_sides`.

    A HEAD is not sent under load.

    Args:
        application: whose receipt is made. other: it is compared with; None without one.
        tolls: names of the prices that are wanted; without any there is no ladder.
        effort: how long.
        logs: a folder for the servers' output.
        told: hears what share of the time is over.

    Raises:
        ServerFailed: an application did not start, or died.
    """
    cores = propose_cores()
    place = _Place(cores.application, logs)
    sides = [place.side(THE_APPLICATION, application)]
    if other is not None:
        sides.append(place.side(THE_OTHER, other))
    ladder = Ladder(application.prepared.server.protocol.value, tolls)
    if tolls:
        sides.append(place.ladder(application.prepared, ladder))
    with open_tools(cores, logs) as tools:
        result = load_sides(sides, tools, effort, told)
    return loaded_of(result, ladder, effort.connections)


class _Place(msgspec.Struct, frozen=True):
    """Where servers run: their processors, and the folder of their logs."""

    cpus: tuple[int, ...]
    logs: Path

    def side(self, name: str, application: LoadedApplication) -> LoadSide:
        """An application, with the status that each request is answered with."""
        sent = [each for each in application.checked if each.request.method != "HEAD"]
        first = next((each.request for each in sent if each.request.method == "GET"), None)

        def exchanges(live: Loadable) -> dict[str, Exchange]:
            return {
                each.request.name: Exchange(
                    [each.request.encoded(HOST, live.port)], any_body=True, status=each.status
                )
                for each in sent
            }

        start = partial(
            start_application, application.prepared, log=self._log(name), first=first, name=name,
            cpus=self.cpus, threads=_THREADS,
        )  # fmt: skip
        return LoadSide(
            name, start, exchanges, application.prepared.server.keep_alive,
            first=None if first is None else first.name,
        )  # fmt: skip

    def ladder(self, prepared: PreparedApplication, ladder: Ladder) -> LoadSide:
        """The price ladder, on the interpreter and the server of an application."""
        more = {MODULE: module_of(prepared.deployment.app)} if ladder.connects else {}
        served = msgspec.structs.replace(
            prepared,
            app=APPS[prepared.server.protocol.value],
            paths=(*prepared.paths, FOLDER),
            env=prepared.env | more,
        )
        start = partial(
            start_application, served, log=self._log(LADDER), name=LADDER,
            cpus=self.cpus, threads=_THREADS,
        )  # fmt: skip
        return LoadSide(LADDER, start, ladder.exchanges, prepared.server.keep_alive, needed=False)

    def _log(self, name: str) -> Path:
        return self.logs / f"load-{name.replace(' ', '-')}.log"


def loaded_of(result: LoadResult, ladder: Ladder, connections: int) -> Loaded:
    """The record of what was measured; it tells why there is no ladder."""
    notes = list(result.notes)
    steps: dict[str, LadderStep] = {}
    of_ladder = result.sides.get(LADDER)
    if of_ladder is not None:
        if of_ladder.trouble is not None:
            notes.append(f"Prices were not measured here. {of_ladder.trouble.splitlines()[0]}")
        steps = {
            path: LadderStep(ladder.steps[path], blocks)
            for path, blocks in of_ladder.blocks.items()
        }
    notes += ladder.notes
    for name, blocks in result.sides[THE_APPLICATION].blocks.items():
        notes += wrong_answers(name, blocks)
    other = result.sides.get(THE_OTHER)
    for name, blocks in ({} if other is None else other.blocks).items():
        notes += wrong_answers(f"{name} of the other application", blocks)
    return Loaded(
        connections=connections,
        urls=result.sides[THE_APPLICATION].blocks,
        other={} if other is None else other.blocks,
        ladder=steps,
        notes=tuple(notes),
    )


def wrong_answers(name: str, blocks: Sequence[LoadedBlock]) -> list[str]:
    """A sentence on answers under load that were not as expected; none if all were."""
    kinds: Counter[str] = Counter()
    for block in blocks:
        kinds.update(block.errors)
    if not kinds:
        return []
    all_ = sum(block.correct + block.failed for block in blocks)
    told = ", ".join(f"{kind} ({count:,})" for kind, count in kinds.most_common(_MOST_KINDS))
    return [f"Under load, {kinds.total():,} of {all_:,} answers to {name} were wrong: {told}."]
