"""Replaces itself by a program that is bound to processors and ends when the harness does.

Run as `python -I -S launcher.py PARENT CPUS USER SIGNAL NICE PROGRAM ARGUMENT...`. After its exec
no wrapper process is left in the measured process tree. It is a separate program and not a
`preexec_fn`, because code between fork and exec is unsafe in a process that has threads.

The kernel sends SIGNAL to the program when the harness dies, also when it is killed, so a run
leaves no server behind. The usual signal is SIGTERM; PostgreSQL takes that as "wait for the
clients", so the harness names another one for it.
"""

import contextlib
import ctypes
import os
import pwd
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1
MOST_OPEN_FILES = 65_536
"""Enough for tens of thousands of connections; some programs loop over all that are allowed."""


def _raise_file_limit() -> None:
    """Raise the soft limit: the usual 1,024 is for programs that use select(); none does here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_OPEN_FILES if hard == resource.RLIM_INFINITY else min(MOST_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _come_first(niceness: int) -> None:
    """Set a nice value for this process and for its session.

    Where Linux groups processes by session (sched(7), "The autogroup feature"), a nice value counts
    only within its session. Every backend of PostgreSQL starts its own session, and each would get
    as much of the processor as this program.
    """
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, niceness)
    with contextlib.suppress(OSError), open("/proc/self/autogroup", "w") as group:  # noqa: PTH123
        group.write(str(niceness))


def _prctl(option: int, value: int) -> int:
    """See prctl(2)."""
    return int(ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0))


def main() -> None:
    """Bind, change user, then exec."""
    parent, cpus, user, death_signal, niceness, program, *arguments = sys.argv[1:]
    # A harness in the background of a shell ignores Ctrl-C; its children would inherit that.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _raise_file_limit()
    if cpus != "-":
        os.sched_setaffinity(0, {int(cpu) for cpu in cpus.split(",")})
    if niceness != "-":  # before the change of user; only root may, and not everywhere
        _come_first(int(niceness))
    if user != "-":
        entry = pwd.getpwnam(user)
        os.setgroups([])
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    # After the change of user, which clears the setting (prctl(2)).
    number = signal.Signals[death_signal].value
    if sys.platform == "linux" and _prctl(_PR_SET_PDEATHSIG, number) != 0:
        sys.exit(f"prctl(PR_SET_PDEATHSIG): {os.strerror(ctypes.get_errno())}")
    if os.getppid() != int(parent):
        sys.exit("the harness is gone")
    os.execvp(program, [program, *arguments])


if __name__ == "__main__":
    main()
