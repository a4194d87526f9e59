"""Checks before anything runs: can this machine do what a study asks?"""

from collections.abc import Collection, Sequence

from harness.analysis.labels.rules import CEILING_SHARE
from harness.base.errors import UsageError
from harness.inputs.conditions import condition_title
from harness.inputs.study import Condition, Study
from harness.lab.launcher import MOST_OPEN_FILES
from harness.lab.limits import RESERVED_FILES, Limits, more_files
from harness.lab.thread_limits import ThreadLimit
from harness.load.ceiling import Ceiling

HERE = "this machine"
"""How sentences name a machine that is no other."""


def check_connections(study: Study, limits: Limits, machine: str = HERE) -> None:
    """Refuse more connections than a machine allows.

    Slices go round, so the generator is connected to all servers of a block at a time. A window has
    its connections to itself.

    Args:
        study: what is asked.
        limits: of the machine that loads.
        machine: its name for readers.

    Raises:
        UsageError: with the number that would work, and the command that raises the limit.
    """
    _check_relay(study, limits, machine)
    for condition in study.conditions:
        servers = _connected_at_once(study, condition)
        shared = None if limits.in_all is None else limits.in_all * study.load.senders // servers
        known = [limit for limit in (shared, limits.per_server) if limit is not None]
        if known and condition.connections > min(known):
            allowed = min(known)
            by_files = allowed in (shared, limits.in_all)
            remedy = _more_files(study, condition, limits) if by_files else _MORE_PORTS
            remedy += _in_whose_shell(machine)
            raise UsageError(
                f"`{condition_title(condition)}`: the study wants these connections to "
                f"{'one server' if servers == 1 else f'each of {servers} servers'} at a time, and "
                f"{machine} allows {allowed:,}; set `connections` to {allowed} at most, or "
                f"{remedy}."
            )


def _connected_at_once(study: Study, condition: Condition) -> int:
    alone = study.ramped or condition.window_s is not None
    return 1 if alone else len(study.measured(condition)) + 1


_MORE_PORTS = (
    "widen the range of ports: `sudo sysctl -w net.ipv4.ip_local_port_range='15000 65535'`"
)


def _more_files(study: Study, condition: Condition, limits: Limits) -> str:
    """How the generator and a server may open enough files."""
    count, generators = condition.connections, study.load.generators
    in_all = count * _connected_at_once(study, condition)
    most = max(count, -(-in_all // generators)) + RESERVED_FILES
    if most > MOST_OPEN_FILES:
        processes = -(-in_all // (MOST_OPEN_FILES - RESERVED_FILES))
        return f"share them among more processes: `[load] generators = {processes}`"
    if limits.in_all is not None and count <= limits.in_all:
        processes = -(-in_all // limits.in_all)
        shared = f" (or share them among processes: `[load] generators = {processes}`)"
    else:
        shared = ""
    return f"raise the limit of open files: `{more_files(most)}`{shared}"


def _in_whose_shell(machine: str) -> str:
    """Where a command belongs that raises a limit: a worker passes its own on to what it starts."""
    return "" if machine == HERE else " there, in the shell that starts its worker"


def _check_relay(study: Study, limits: Limits, machine: str) -> None:
    """Refuse more connections than one relay process can hold: each has two ends."""
    if not study.delayed or study.network.injector != "relay" or limits.in_all is None:
        return
    most = max(c.connections * _connected_at_once(study, c) for c in study.conditions)
    ends = 2 * (most + study.database.max_connections)
    if ends > limits.in_all:
        raise UsageError(
            f"The relay that adds latency would hold {ends:,} ends of connections, and {machine} "
            f"allows {limits.in_all:,}; ask for fewer `connections`, or raise the limit of "
            f"open files: `{more_files(ends + RESERVED_FILES)}`{_in_whose_shell(machine)}."
        )


def check_threads(
    study: Study, taking: Collection[str], limits: Sequence[ThreadLimit], machine: str = HERE
) -> None:
    """Refuse more threads than a machine allows. A thread is started when a request needs it.

    Args:
        study: gives every server its threads.
        taking: variants whose server takes a number of threads.
        limits: of the application's machine. machine: its name for readers.

    Raises:
        UsageError: with the number that would work, and the command that raises the limit.
    """
    most = max(condition.connections for condition in study.conditions)
    wanted = {
        name: min(study.server_of(name).threads, most) for name in study.everyone if name in taking
    }
    if not wanted:
        return
    largest = max(wanted, key=lambda name: wanted[name])
    in_all = sum(count * study.server_of(name).workers for name, count in wanted.items())
    for limit in limits:
        needed = wanted[largest] if limit.process else in_all
        if needed > limit.allowed:
            others = 0 if limit.process else in_all - wanted[largest]
            fitting = max(1, limit.allowed - others)
            what = f"`{largest}` may start" if limit.process else "all servers may start"
            raise UsageError(
                f"With {most:,} connections {what} {needed:,} threads, and {machine} allows "
                f"{limit.allowed:,} more (`{limit.name}`); set `threads` of `{largest}` to "
                f"{fitting} at most, or raise the limit: `{limit.raised_for(needed)}`"
                f"{_in_whose_shell(machine)}."
            )


def backlog_warning(study: Study, limits: Limits) -> str | None:
    """What to tell of a backlog that is shorter than the connections that are opened; else None."""
    most = max(condition.connections for condition in study.conditions)
    if limits.backlog is None or most <= limits.backlog:
        return None
    return (
        f"at most {limits.backlog:,} of {most:,} connections may wait to be accepted; the kernel "
        f"drops others and tries again after a second: `sudo sysctl -w net.core.somaxconn={most}`"
    )


def check_objectives(study: Study, ceiling: Ceiling) -> None:
    """Refuse an objective that not even a server without work meets on this machine.

    Raises:
        UsageError: with the latency that may be asked for.
    """
    least_ms = 1e3 * ceiling.connections / ceiling.per_s
    for condition in study.conditions:
        objective = condition.objective
        if objective is not None and objective.latency_ms < least_ms:
            raise UsageError(
                f"`{condition_title(condition)}` would never be met: a server that does nothing "
                f"answers {ceiling.connections} connections in {least_ms:.2g} ms on this machine; "
                f"set `objective.latency_ms` to {least_ms:.2g} at least, better several times that."
            )


def check_rates(study: Study, ceiling_per_s: float) -> None:
    """Refuse a rate that the generator cannot make: the trial would measure the generator.

    Args:
        study: what is asked.
        ceiling_per_s: of one process of the generator.

    Raises:
        UsageError: with the rate that would work.
    """
    ceiling_per_s *= study.load.generators  # as `analysis.labels.rules` judges it afterwards
    highest = CEILING_SHARE * ceiling_per_s
    for condition in study.conditions:
        if condition.rate is not None and condition.rate > highest:
            raise UsageError(
                f"`{condition_title(condition)}`: the study wants {condition.rate:g} requests/s, "
                f"and the generator reaches {ceiling_per_s:,.0f}/s on this machine; set `rate` to "
                f"{highest:.0f} at most, which leaves it time to be punctual."
            )
