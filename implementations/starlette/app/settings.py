"""The settings, read once from the environment when this module is imported."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import NoReturn, Self

# gunicorn starts a dead worker again and again, unless it died with its WORKER_BOOT_ERROR.
WORKER_BOOT_ERROR = 3


@dataclass(frozen=True, slots=True)
class Settings:
    """What the contract lets a deployment choose."""

    database_url: str
    pool_size: int
    pool_timeout: float
    cpu_iterations: int
    wait_ms: int
    extra_hops: int

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Read all settings, or end the process with one sentence on stderr."""
        try:
            return cls(
                database_url=_text(environ, "DATABASE_URL"),
                pool_size=_number(environ, "POOL_SIZE", "16", int, least=1),
                pool_timeout=_number(environ, "POOL_TIMEOUT", "30", float, least=0.001),
                cpu_iterations=_number(environ, "CPU_ITERATIONS", "10000000", int, least=0),
                wait_ms=_number(environ, "WAIT_MS", "100", int, least=0),
                extra_hops=_number(environ, "EXTRA_HOPS", "0", int, least=0),
            )
        except ValueError as error:
            _refuse_to_start(str(error))


def _text(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "").strip()
    if not value:
        raise ValueError(f"{name} must be set.")
    return value


def _number[N: (int, float)](
    environ: Mapping[str, str], name: str, default: str, parse: Callable[[str], N], least: N
) -> N:
    value = environ.get(name, default)
    try:
        number = parse(value)
    except ValueError:
        raise ValueError(f"{name} must be a number, not {value!r}.") from None
    if not isfinite(number) or number < least:
        raise ValueError(f"{name} must be at least {least}, not {value!r}.")
    return number


def _refuse_to_start(sentence: str) -> NoReturn:
    print(sentence, file=sys.stderr, flush=True)
    raise SystemExit(WORKER_BOOT_ERROR)


settings = Settings.read()
