"""Added latency by the kernel: tries whether network namespaces and netem work here.

The attempt takes place in a network namespace of a process that lives for milliseconds; the kernel
deletes it with the process. Only the module `sch_netem` may stay, if the kernel loads it.
"""

import os
import shutil
import subprocess

import msgspec

from harness.doctor.advice import Advice, Topic

_SEARCH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
"""Where tools are; the last two are not in every user's path."""
_PATIENCE_S = 10.0


class Netem(msgspec.Struct, frozen=True):
    """What this process may do here.

    namespaces: whether it can make a network namespace; None: unknown.
    netem: whether it can delay packets in one; None: unknown.
    reason: why one of them is not true; the tool's own message where it printed one.
    """

    namespaces: bool | None
    netem: bool | None
    reason: str | None = None


def probe_netem(search: str = _SEARCH) -> Netem:
    """Make a namespace, and in it a qdisc; `search` is a PATH for `unshare` and `tc`."""
    unshare, tc = shutil.which("unshare", path=search), shutil.which("tc", path=search)
    if unshare is None:
        return Netem(None, None, "the program `unshare` (util-linux) is missing")
    refused = _complaint(unshare, "--net", "true")
    if refused is not None:
        return Netem(False, None, refused)
    if tc is None:
        return Netem(True, None, "the program `tc` (iproute2) is missing")
    qdisc = ("qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms")
    refused = _complaint(unshare, "--net", tc, *qdisc)
    return Netem(True, refused is None, refused)


def _complaint(*command: str) -> str | None:
    """The last line of the command's errors; None if the command succeeds."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_PATIENCE_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return None
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    if not lines:
        return f"exit status {done.returncode}"
    return lines[-1].strip().removeprefix("Error: ").rstrip(".")


def judge(netem: Netem) -> list[Advice]:
    """State how latency can be added here."""
    if netem.netem:
        return [Advice(Topic.NETEM, "Added latency: by netem, in network namespaces.")]
    known = "not here" if False in (netem.namespaces, netem.netem) else "not known"
    return [
        Advice(
            Topic.NETEM,
            f"Added latency: by the relay; by netem {known} ({netem.reason}).",
            "none needed for the relay; netem wants a kernel that has the module sch_netem",
        )
    ]
