"""The settings, read once from the environment when this module is imported."""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from os import environ
from typing import Self


@dataclass(frozen=True, slots=True)
class Settings:
    """The contract's settings; it says what each means and its default."""

    database_url: str
    pool_size: int
    pool_timeout: float
    cpu_iterations: int
    wait_ms: int

    @classmethod
    def read(cls, env: Mapping[str, str]) -> Self:
        """Read them, or raise ValueError with one sentence."""
        if not env.get("DATABASE_URL"):
            raise ValueError("DATABASE_URL must be set.")
        return cls(
            database_url=env["DATABASE_URL"],
            pool_size=_number(env, "POOL_SIZE", 16, least=1),
            pool_timeout=_number(env, "POOL_TIMEOUT", 30.0, least=0.001),
            cpu_iterations=_number(env, "CPU_ITERATIONS", 10_000_000, least=0),
            wait_ms=_number(env, "WAIT_MS", 100, least=0),
        )


def _number[N: (int, float)](env: Mapping[str, str], name: str, default: N, *, least: N) -> N:
    text = env.get(name)
    if text is None:
        return default
    try:
        number = type(default)(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= least):
        raise ValueError(f"{name} must be a number of at least {least}, not {text!r}.")
    return number


try:
    settings = Settings.read(environ)
except ValueError as error:
    print(error, file=sys.stderr, flush=True)
    # gunicorn's WORKER_BOOT_ERROR: it gives up instead of starting workers for ever.
    sys.exit(3)
