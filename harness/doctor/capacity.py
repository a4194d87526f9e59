"""How many requests per second and how many connections a study may ask for here."""

from harness.doctor.advice import Advice, Topic
from harness.lab.limits import Limits
from harness.load.ceiling import Ceiling

_TRUSTED = 0.5
"""Of the ceiling: above it a request waits in the generator for longer than its work there takes
(the mean wait of an M/M/1 queue, as a multiple of the service time, is load / (1 - load))."""
_MANY = 10_000
"""Fewer connections than this keep a study from the C10K question (Kegel 1999)."""
_BACKLOG = 4096
"""The kernel's default since Linux 5.4."""


def judge_ceiling(ceiling: Ceiling) -> list[Advice]:
    """State the rate above which a study would measure the generator too."""
    bound = "at least " if ceiling.is_lower_bound else ""
    statement = (
        f"The generator reaches {bound}{ceiling.per_s:,.0f} requests/s on {ceiling.connections} "
        f"connections, every response checked. Up to half of that, {_TRUSTED * ceiling.per_s:,.0f} "
        "requests/s, it hardly adds to latencies."
    )
    match ceiling.limited_by:
        case "generator":
            return [Advice(Topic.GENERATOR, statement)]
        case "server":
            return [Advice(Topic.GENERATOR, f"{statement} The bare server was the limit.")]
        case "neither":
            statement += (
                f" Neither was saturated (generator {ceiling.generator_cpu_share:.0%} of a core, "
                f"bare server {ceiling.server_cpu_share:.0%}): other processes took their cores."
            )
            return [Advice(Topic.GENERATOR, statement, "try again when the machine is quiet")]


def judge_limits(limits: Limits) -> list[Advice]:
    """State how many connections the kernel allows."""
    return [_connections(limits), _backlog(limits.backlog)]


def _connections(limits: Limits) -> Advice:
    per_server, in_all = limits.per_server, limits.in_all
    if per_server is None:
        return Advice(Topic.LIMITS, "Connections: no limit is visible here.")
    statement = f"At most {per_server:,} connections at a time"
    if per_server != in_all:
        together = "no limit" if in_all is None else f"{in_all:,}"
        statement += f" to one server, {together} to all servers of a block together"
    statement += "."
    if in_all is not None and in_all < _MANY:
        remedy = f"raise the hard limit on open files (`ulimit -Hn`) to {_MANY * 2:,} or more"
        return Advice(Topic.LIMITS, statement, remedy)
    if per_server < _MANY:
        remedy = "widen the range with `sysctl -w net.ipv4.ip_local_port_range='10000 65000'`"
        return Advice(Topic.LIMITS, statement, remedy)
    return Advice(Topic.LIMITS, statement)


def _backlog(backlog: int | None) -> Advice:
    if backlog is None:
        return Advice(Topic.LIMITS, "Connections waiting to be accepted: limit not visible here.")
    statement = (
        f"At most {backlog:,} connections wait to be accepted; more are dropped and retried."
    )
    if backlog >= _BACKLOG:
        return Advice(Topic.LIMITS, statement)
    return Advice(Topic.LIMITS, statement, f"`sysctl -w net.core.somaxconn={_BACKLOG}`")
