"""How many examples a property is tried with."""

from hypothesis import HealthCheck, Phase, settings

_USUAL = 100


def bounded(examples: int) -> settings:
    """So many examples, always the same, in the usual profile; in others in proportion to it."""
    share = settings().max_examples / _USUAL
    return settings(
        max_examples=max(1, round(examples * share)),
        derandomize=share == 1,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),  # an explanation takes minutes
    )
