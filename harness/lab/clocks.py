"""CPU time, memory and threads of processes, and CPU time of the machine.

`/proc/PID/stat` counts CPU time in ticks of 10 ms: too coarse for a slice of 150 ms. Linux keeps
each process's CPU time in nanoseconds behind a clock id that is computed from its pid (see
clock_getcpuclockid(3) and the kernel's include/linux/posix-timers_types.h). It includes threads
that have ended, and no children.
"""

import contextlib
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

_CPUCLOCK_SCHED = 2
_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")
_STAT_BYTES = 512
_ATTEMPTS = 5
_MOST_THREADS = 1_000
"""To read the statistics of one takes 20 µs, so those of ten thousand would disturb a window."""
_AT_ONCE_NS = 1_000_000
"""Four clocks take a microsecond; what takes longer was interrupted."""


def process_cpu_ns(pid: int) -> int | None:
    """CPU time of a process, all its threads together; None if it has ended."""
    try:
        return time.clock_gettime_ns((~pid << 3) | _CPUCLOCK_SCHED)
    except OSError:
        return None


class Offsets(msgspec.Struct, frozen=True):
    """By how much the machine's other clocks are ahead of its monotonic one, in nanoseconds.

    real_ns: of the time of day; it changes when somebody sets that clock, and slowly while NTP
        corrects it, by 500 parts in a million at most (adjtimex(2)).
    asleep_ns: of the clock that runs on while the machine is suspended (clock_getres(2)).
    """

    real_ns: int
    asleep_ns: int

    @staticmethod
    def read() -> "Offsets":
        """Read them now. If the process is interrupted between two clocks, they are read again."""
        for _ in range(_ATTEMPTS):
            began = time.monotonic_ns()
            real, boot = time.time_ns(), time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            if time.monotonic_ns() - began < _AT_ONCE_NS:
                break
        return Offsets(real_ns=real - began, asleep_ns=boot - began)


def run_delay_ns(pids: Iterable[int]) -> int | None:
    """Time that all threads of these processes were ready to run and waited for a processor.

    From the kernel's sched-stats (Documentation/scheduler/sched-stats.rst), without threads that
    have ended. None where the kernel keeps none, and of more than `_MOST_THREADS` threads.
    """
    total, known, looked_at = 0, False, 0
    for pid in pids:
        for path in (_PROC / str(pid) / "task").glob("*/schedstat"):
            looked_at += 1
            if looked_at > _MOST_THREADS:
                return None
            with contextlib.suppress(OSError, IndexError):  # the thread has just ended
                total += int(path.read_bytes().split()[1])
                known = True
    return total if known else None


class TreeClock:
    """CPU time of a process and its descendants, including those that have ended.

    Living processes are read to the nanosecond. Children of the root that have ended, such as
    PostgreSQL's backends of variants without a pool, are in its `cutime + cstime`, in ticks: an
    error of up to 10 ms in one difference, with a mean of zero over many.
    """

    def __init__(self, root: int) -> None:
        self._root = root
        self._members: set[int] = {root}
        self._strangers: set[int] = set()

    def read_ns(self) -> int:
        """Read the CPU time so far; only differences of two readings have a meaning."""
        self._update()
        total = _dead_children_ns(self._root)
        for pid in list(self._members):
            used = process_cpu_ns(pid)
            if used is None:
                self._members.discard(pid)
            else:
                total += used
        return total

    @property
    def pids(self) -> frozenset[int]:
        """The processes found at the last reading."""
        return frozenset(self._members)

    def _update(self) -> None:
        """Find new descendants; each process of the machine is looked at once in its life."""
        if sys.platform != "linux":  # there is no /proc, and no clock of another process
            return
        present = {int(name) for name in os.listdir(_PROC) if name.isdigit()}  # noqa: PTH208
        self._strangers &= present
        fresh = present - self._strangers - self._members
        parents = {pid: parent for pid in fresh if (parent := parent_of(pid)) is not None}
        growing = True
        while growing:
            growing = False
            for pid, parent in list(parents.items()):
                if parent in self._members:
                    self._members.add(pid)
                    del parents[pid]
                    growing = True
        self._strangers |= parents.keys()


class MachineTime(msgspec.Struct, frozen=True):
    """CPU time of some processors since the machine started, in nanoseconds (ticks of 10 ms)."""

    busy_ns: int
    steal_ns: int

    @staticmethod
    def read(cpus: frozenset[int]) -> "MachineTime":
        """Sum the lines of these processors in `/proc/stat` (proc_stat(5)).

        Its first line would not do: it is about the whole host, also in a container.
        """
        wanted = {f"cpu{cpu}" for cpu in cpus}
        busy = stolen = 0
        for line in (_PROC / "stat").read_text().splitlines():
            name, *values = line.split()
            if name in wanted:
                user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, values[:8])
                busy += user + nice + system + irq + softirq
                stolen += steal
        return MachineTime(busy_ns=busy * _TICK_NS, steal_ns=stolen * _TICK_NS)


def _stat_fields(pid: int) -> list[bytes] | None:
    """The fields of /proc/PID/stat after the command's name, which may contain any character."""
    try:
        return (_PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None


def parent_of(pid: int) -> int | None:
    """The parent of a process; None once it is gone."""
    fields = _stat_fields(pid)
    return None if fields is None else int(fields[1])


def _dead_children_ns(pid: int) -> int:
    fields = _stat_fields(pid)
    return 0 if fields is None else (int(fields[13]) + int(fields[14])) * _TICK_NS


def oom_kills(vmstat: Path = _PROC / "vmstat") -> int:
    """Processes that the kernel has killed for lack of memory since the machine started.

    `oom_kill` in proc_vmstat(5); 0 where it is not visible. Only differences have a meaning.
    """
    with contextlib.suppress(OSError, ValueError):
        for line in vmstat.read_text(encoding="ascii").splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    return 0


def is_stopped(pid: int) -> bool:
    """Whether a process was stopped by a signal or a debugger (`T` and `t` in proc_pid_stat(5))."""
    try:  # four times a second for dozens of processes, so without objects for paths and files
        file = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    except OSError:
        return False
    try:
        return os.read(file, _STAT_BYTES).rpartition(b") ")[2][:1] in (b"T", b"t")
    except OSError:  # it has ended meanwhile
        return False
    finally:
        os.close(file)


class Usage(msgspec.Struct, frozen=True):
    """Sums over processes: highest and present resident size, threads, processes."""

    rss_peak_kib: int
    threads: int
    processes: int
    rss_kib: int = 0

    @staticmethod
    def of(pids: Iterable[int]) -> "Usage":
        """Read the processes that still live."""
        living = [fields for pid in pids if (fields := _status(pid))]
        return Usage(
            rss_peak_kib=sum(int(f.get("VmHWM", "0 kB").split()[0]) for f in living),
            threads=sum(int(f["Threads"]) for f in living),
            processes=len(living),
            rss_kib=sum(int(f.get("VmRSS", "0 kB").split()[0]) for f in living),
        )


def _status(pid: int) -> dict[str, str]:
    try:
        lines = (_PROC / str(pid) / "status").read_text().splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
