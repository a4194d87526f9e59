"""Added latency by the kernel: whether it has network namespaces and netem, found out by trying.

The trial takes place in a network namespace of a process that lives for milliseconds; the kernel
deletes it with the process. All that can remain is the module `sch_netem`, which the kernel may
load for it.
"""

import os
import shutil
import subprocess

import msgspec

from harness.doctor.advice import Advice, Topic

_SEARCH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
"""Where tools are; not every user has the last two in his path."""
_PATIENCE_S = 10.0


class Netem(msgspec.Struct, frozen=True):
    """What this process may do here.

    namespaces: whether it can make a network namespace; None: could not be found out.
    netem: whether it can delay packets in one; None likewise.
    reason: why one of them is not true, in the words of the tool where it had any.
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
    """None if the command succeeds, else the last thing that it said."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_PATIENCE_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return None
    said = [line for line in done.stderr.splitlines() if line.strip()]
    if not said:
        return f"exit status {done.returncode}"
    return said[-1].strip().removeprefix("Error: ").rstrip(".")


def judge(netem: Netem) -> list[Advice]:
    """How latency can be added here."""
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
