"""The machine: its cores, their roles, its description, and the state of the checkout."""

import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from harness.base.errors import UsageError
from harness.lab.quota import allowed_processors
from harness.records.run import Cores

_MEASURED = ("harness", "implementations", "shared", "pyproject.toml", ".python-version")
"""Paths of a checkout that take part in a measurement."""
_LISTED = 20
"""Untracked files that are listed by name."""


def propose_cores(workers: int = 1, generators: int = 1) -> Cores:
    """Share out the processors of this process, as far as a CPU quota goes; see `share_out`."""
    allowed = within(physical_cores(os.sched_getaffinity(0)), allowed_processors())
    return share_out(allowed, workers, generators)


def within(cores: Sequence[tuple[int, ...]], quota: float | None) -> Sequence[tuple[int, ...]]:
    """The first physical cores whose processors a quota allows to run all the time; one at least.

    What uses more is halted for the rest of each period, which no figure survives.

    Args:
        cores: the hardware threads of each physical core together.
        quota: in processors; None for no limit.
    """
    if quota is None:
        return cores
    fitting = (sum(map(len, cores[:count])) <= quota for count in range(1, len(cores) + 1))
    return cores[: max(1, sum(fitting))]


def share_out(cores: Sequence[tuple[int, ...]], workers: int = 1, generators: int = 1) -> Cores:
    """Share out processors: the application's own first, the others as far as they go.

    Roles get whole physical cores: two hardware threads of one core would slow each other down. The
    application gets a core per worker, as long as two are left for the others. With two cores, the
    database and the generator share the second. With one, all roles share it, and throughput cannot
    be compared.

    Several workers get two cores wherever there are two, because on one they could only take turns.
    With three cores, the database and the generator then share the third. With two, they share the
    second, and workers run on it too.

    Args:
        cores: processors that may be used, the hardware threads of each physical core together.
        workers: processes of the largest server.
        generators: processes of the load generator.

    Raises:
        UsageError: there is none.
    """
    match cores:
        case []:
            raise UsageError("No processor is available to this process; check its affinity.")
        case [only]:
            return Cores(application=only[:1], database=only[-1:], load=only[-1:])
        case [first, second]:
            mine = first[:1] if workers == 1 else (first[0], second[0])
            return Cores(application=mine, database=second[:1], load=second[:1])
        case [first, second, third] if workers > 1:
            return Cores(application=(first[0], second[0]), database=third[:1], load=third[:1])
        case _:
            served = max(1, min(workers, len(cores) - 2))
            loading = max(1, min(generators, len(cores) - served - 1))
            return Cores(
                application=tuple(core[0] for core in cores[:served]),
                database=tuple(cpu for core in cores[served:-loading] for cpu in core),
                load=tuple(core[0] for core in cores[-loading:]),
            )


def physical_cores(available: set[int]) -> list[tuple[int, ...]]:
    """The available processors, those that are hardware threads of one core together."""
    cores: dict[frozenset[int], list[int]] = {}
    for cpu in sorted(available):
        cores.setdefault(_siblings(cpu), []).append(cpu)
    return [tuple(cpus) for cpus in cores.values()]


def _siblings(cpu: int) -> frozenset[int]:
    path = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
    try:
        text = path.read_text(encoding="ascii").strip()
    except OSError:
        return frozenset({cpu})
    cpus: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        cpus |= set(range(int(first), int(last or first) + 1))
    return frozenset(cpus)


@contextmanager
def pinned(cpus: set[int]) -> Iterator[None]:
    """Bind this thread, and processes that it starts, to these processors within the block."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def describe() -> dict[str, str | int]:
    """Describe kernel, processor and interpreter for the report, without the host's name.

    A CPU quota is told where there is one: in processors.
    """
    quota = allowed_processors()
    told: dict[str, str | int] = {
        "kernel": f"{platform.system()} {platform.release()}",
        "processor": _cpu_model(),
        "architecture": platform.machine(),
        "processors": _processors(),
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "virtualised": "yes" if "hypervisor" in _cpuinfo("flags").split() else "not seen",
        "load_priority": "nice -20" if os.geteuid() == 0 else "usual",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }
    return told if quota is None else told | {"cpu_quota": f"{quota:g}"}


def _processors() -> int:
    """Those that this process may use; macOS does not tell them from all."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _cpu_model() -> str:
    return _cpuinfo("model name") or platform.processor() or "unknown"


def _cpuinfo(key: str) -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == key:
                return value.strip()
    except OSError:
        pass
    return ""


class Checkout(msgspec.Struct, frozen=True):
    """The state of a git checkout, as far as it matters to a measurement.

    commit: as `git describe` names it.
    changed: whether a tracked file differs from the commit.
    untracked: files that are neither committed nor ignored, relative to the root; after the first
        twenty, one entry says how many more there are.
    """

    commit: str
    changed: bool = False
    untracked: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The commit, with `-dirty` where the files measured are not those of the commit."""
        return f"{self.commit}-dirty" if self.changed or self.untracked else self.commit


def checkout_state(root: Path) -> Checkout | None:
    """Compare a checkout with its commit; None outside a repository.

    Documentation, tests and results are left aside: they do not change a measurement.
    """
    try:
        described = _git(root, "describe", "--always", "--abbrev=12").strip()
        measured = ("--", *_MEASURED)
        changed = _git(root, "status", "--porcelain", "--untracked-files=no", *measured)
        others = _git(root, "ls-files", "-z", "--others", "--exclude-standard", *measured)
    except (OSError, subprocess.CalledProcessError):
        return None
    names = [name for name in others.split("\0") if name]
    listed = names[:_LISTED]
    if len(names) > _LISTED:
        listed.append(f"and {len(names) - _LISTED} more")
    return Checkout(described, bool(changed), tuple(listed))


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *arguments],
        capture_output=True, encoding="utf-8", errors="replace", check=True,
    )  # fmt: skip
    return done.stdout
