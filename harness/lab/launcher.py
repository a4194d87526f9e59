"""Become another program, bound to processors and to the life of the one who started it.

Run as `python -I -S launcher.py PARENT CPUS USER SIGNAL NICE PROGRAM ARGUMENT...`. It replaces
itself by the program, so that no wrapper stands in the measured process tree. It is a program of
its own, and not a `preexec_fn`, because code between fork and exec is unsafe in a process that has
threads.

The kernel sends the program the signal SIGTERM when the harness dies, however it dies: a run that
is killed leaves no server behind. PostgreSQL takes SIGTERM as "wait for the clients", so the
harness asks for another signal by name there.
"""

import contextlib
import ctypes
import os
import pwd
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1


_OPEN_FILES = 65_536
"""Enough for tens of thousands of connections; some programs walk through all that are allowed."""


def _raise_file_limit() -> None:
    """The usual soft limit of 1,024 is there for programs that use select(); none of ours does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _come_first(niceness: int) -> None:
    """Take a nice value, and give it to the session.

    Where Linux groups processes by session (sched(7), "The autogroup feature"), a nice value counts
    within its session alone. Every backend of PostgreSQL begins one of its own, and would each be
    given as much of the processor as this program.
    """
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, niceness)
    with contextlib.suppress(OSError), open("/proc/self/autogroup", "w") as group:  # noqa: PTH123
        group.write(str(niceness))


def main() -> None:
    """Bind, change user, then exec."""
    parent, cpus, user, death_signal, niceness, program, *arguments = sys.argv[1:]
    # A harness in the background of a shell ignores Ctrl-C, and its children would inherit that.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _raise_file_limit()
    if cpus != "-":
        os.sched_setaffinity(0, {int(cpu) for cpu in cpus.split(",")})
    if niceness != "-":  # before the change of user, who may not; nor may some who are not root
        _come_first(int(niceness))
    if user != "-":
        entry = pwd.getpwnam(user)
        os.setgroups([])
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    # After the change of user, which clears the setting (prctl(2)).
    number = signal.Signals[death_signal].value
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0) != 0:
        sys.exit(f"prctl(PR_SET_PDEATHSIG): {os.strerror(ctypes.get_errno())}")
    if os.getppid() != int(parent):
        sys.exit("the harness is gone")
    os.execvp(program, [program, *arguments])


if __name__ == "__main__":
    main()
