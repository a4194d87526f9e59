"""Checks before anything runs: can this machine do what a study asks?"""

from harness.analysis.labels.rules import CEILING_SHARE
from harness.base.errors import UsageError
from harness.inputs.conditions import condition_title
from harness.inputs.study import Study
from harness.lab.limits import Limits
from harness.load.ceiling import Ceiling


def check_connections(study: Study, limits: Limits) -> None:
    """Refuse more connections than this machine allows: a block is connected to all its servers.

    Raises:
        UsageError: with the number that would work.
    """
    servers = 1 if study.ramped else len(study.everyone) + 1
    _check_relay(study, limits, servers)
    in_all = None if limits.in_all is None else limits.in_all * study.load.senders // servers
    known = [limit for limit in (in_all, limits.per_server) if limit is not None]
    if not known:
        return
    allowed = min(known)
    by_files = allowed in (in_all, limits.in_all)
    remedy = "open files (ulimit -n)" if by_files else "ports (net.ipv4.ip_local_port_range)"
    for condition in study.conditions:
        if condition.connections > allowed:
            raise UsageError(
                f"`{condition_title(condition)}`: the study wants these connections to each of "
                f"{servers} servers, and this machine allows {allowed}; set `connections` to "
                f"{allowed} at most, or raise the limit of {remedy}."
            )


def _check_relay(study: Study, limits: Limits, servers: int) -> None:
    """Refuse more connections than one relay process can hold: each has two ends."""
    if not study.delayed or study.network.injector != "relay" or limits.in_all is None:
        return
    most = max(condition.connections for condition in study.conditions)
    ends = 2 * (servers * most + study.database.max_connections)
    if ends > limits.in_all:
        raise UsageError(
            f"The relay that adds latency would hold {ends:,} ends of connections, and this "
            f"machine allows {limits.in_all:,}; ask for fewer `connections`, or raise the limit of "
            "open files (ulimit -n)."
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
