"""How many examples: few and always the same in CI; more, and others each time, on request.

`pytest tests/properties --hypothesis-profile long` takes hours.
"""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "long", deadline=None, derandomize=False, max_examples=5_000, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
