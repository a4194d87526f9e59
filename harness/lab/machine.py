"""The machine: its cores, who gets which, and what a reader must know about it."""

import os
import platform
import subprocess
from pathlib import Path

from harness.errors import UsageError
from harness.model import Cores


def propose_cores(available: set[int] | None = None) -> Cores:
    """Share out the processors: the application alone on one, the others as far as they go.

    With two, the database and the generator share the second; with one, everything is shared and
    nothing can be said about throughput.
    """
    cpus = sorted(os.sched_getaffinity(0) if available is None else available)
    match cpus:
        case [only]:
            return Cores(application=(only,), database=(only,), load=(only,))
        case [first, second]:
            return Cores(application=(first,), database=(second,), load=(second,))
        case [first, *rest, last]:
            return Cores(application=(first,), database=tuple(rest), load=(last,))
        case _:
            raise UsageError("No processor is available to this process; check its affinity.")


def describe() -> dict[str, str | int]:
    """Kernel, processor and interpreter, for the report; nothing that names the host."""
    return {
        "kernel": f"{platform.system()} {platform.release()}",
        "processor": _cpu_model(),
        "architecture": platform.machine(),
        "processors": len(os.sched_getaffinity(0)),
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "virtualised": "yes" if "hypervisor" in _cpuinfo("flags").split() else "not seen",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }


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


def commit(root: Path) -> str | None:
    """The checkout's commit, marked where files differ from it; None outside a repository."""
    try:
        found = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip() or None
