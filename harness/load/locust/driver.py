"""Runs Locust up a ramp, in its own environment and on its own processors."""

import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from harness.base.errors import LocustFailed
from harness.inputs.manifests import Implementation
from harness.lab.environments import prepare
from harness.lab.process import Child, launch

_FOLDER = Path(__file__).parent
LOCUST = Implementation(
    name="locust",
    title="Locust",
    folder=_FOLDER,
    requires_python=">=3.12",
    variants=(),
    dependencies=("locust~=2.47",),
)
_VARIABLE = "BRIDGETOLL_RAMP"
_GRACE_S = 90.0
"""Locust starts, spawns late on a busy processor, and writes its page after the test."""
_POLL_S = 1.0
_SHORT_S = 1.0
"""By how much a ramp may be shorter than planned: Locust checks its time once a second."""
_INHERITED = ("PATH", "LANG", "LC_ALL", "TMPDIR")
"""Not HOME: Locust would read settings there and in its working directory, unseen by the reader."""


class RampPlan(msgspec.Struct, frozen=True):
    """The plan of one ramp.

    path: of the route. users, per_s, hold_s: see `settings.Ramp`.
    body: the only correct body of a route that reads, to the byte; None for a route that writes,
        whose answer must hold the texts that were sent.
    """

    path: str
    users: int
    per_s: float
    hold_s: float
    client: Literal["fast", "http"]
    body: str | None

    @property
    def length_s(self) -> float:
        """From the first user to the end."""
        return self.users / self.per_s + self.hold_s


class RampResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The result of one ramp.

    began_ns, ended_ns: on the machine's monotonic clock.
    answers: of each success, when it came in seconds since the start, and its latency in seconds.
    failed: failures in each second, the last one begun included. errors: by kind.
    under_way: requests that the end cut off.
    users: the most at once.
    cpu_ns: processor time of Locust meanwhile.
    warned: whether Locust complained of high CPU usage of its own.
    settled_s: seconds until all users were there; None where they never were.
    """

    began_ns: int
    ended_ns: int
    answers: tuple[tuple[float, float], ...]
    failed: tuple[int, ...]
    errors: dict[str, int]
    under_way: int
    users: int
    cpu_ns: int
    warned: bool
    settled_s: float | None = None


def prepare_locust(cache: Path) -> Path:
    """Make its environment if it does not exist yet; return its interpreter.

    Raises:
        EnvironmentFailed: uv is missing, or could not install what the lock names.
    """
    return prepare(cache, LOCUST)


def climb(
    python: Path,
    plan: RampPlan,
    url: str,
    *,
    folder: Path,
    name: str,
    cpus: Sequence[int] | None,
    meanwhile: Callable[[], None],
) -> RampResult:
    """Run Locust once, to its end.

    Args:
        python: of Locust's environment.
        plan: of the ramp.
        url: of the server, without a path.
        folder: where `name`.html, Locust's own page, and `name`.log are kept.
        name: of the cell.
        cpus: processors that it may use.
        meanwhile: called about once a second; what it raises ends Locust.

    Raises:
        LocustFailed: it died, hung, or left no readable result.
    """
    folder = folder.resolve()
    report = folder / f"{name}.json"
    values = msgspec.to_builtins(plan) | {"result": str(report)}
    env = {key: os.environ[key] for key in _INHERITED if key in os.environ}
    child = launch(
        [
            str(python), "-m", "locust", "--locustfile", str(_FOLDER / "locustfile.py"),
            "--headless", "--host", url, "--html", str(folder / f"{name}.html"),
            "--exit-code-on-error", "0", "--only-summary",
        ],
        cpus=cpus, env=env | {"HOME": str(folder), _VARIABLE: json.dumps(values)}, cwd=folder,
        log=folder / f"{name}.log", prompt=True,
    )  # fmt: skip
    try:
        _wait(child, plan.length_s + _GRACE_S, meanwhile)
        return _read(child, report, plan)
    finally:
        child.stop()
        report.unlink(missing_ok=True)


def _wait(child: Child, seconds: float, meanwhile: Callable[[], None]) -> None:
    end = time.monotonic() + seconds
    while child.running:
        if time.monotonic() > end:
            raise LocustFailed(
                f"Locust had not ended {seconds:.0f} s after its start, and was ended; give it a "
                "quieter machine, or fewer users."
            )
        meanwhile()
        time.sleep(_POLL_S)


def _read(child: Child, report: Path, plan: RampPlan) -> RampResult:
    try:
        result = msgspec.json.decode(report.read_bytes(), type=RampResult)
    except (OSError, msgspec.DecodeError) as error:
        raise _failed(child, "left no result") from error
    lasted_s = (result.ended_ns - result.began_ns) / 1e9
    if lasted_s < plan.length_s - _SHORT_S:
        raise _failed(child, f"was ended after {max(lasted_s, 0):.0f} of {plan.length_s:.0f} s")
    if child.popen.returncode != 0:
        raise _failed(child, "had climbed its ramp")
    return result


def _failed(child: Child, what: str) -> LocustFailed:
    return LocustFailed(f"Locust {child.ending()} and {what}; look at its log." + child.quotation())
