"""The generator's ceiling, and up to where throughput can be trusted."""

from harness.doctor.advice import Advice, Topic
from harness.load.ceiling import Ceiling

_TRUSTED = 0.5
"""Of the ceiling: above it a request waits in the generator for longer than its work there takes
(the mean wait of an M/M/1 queue, as a multiple of the service time, is load / (1 - load))."""


def judge(ceiling: Ceiling) -> list[Advice]:
    """The rate above which the generator would be measured too."""
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
                f"bare server {ceiling.server_cpu_share:.0%}), as where others take their cores."
            )
            return [Advice(Topic.GENERATOR, statement, "try again when the machine is quiet")]
