"""What the environment says, read once when a worker starts."""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from os import environ
from typing import Self


class SettingsError(Exception):
    """A setting is missing or malformed; the message is one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of the contract that concern this implementation."""

    database_url: str
    pool_size: int
    pool_timeout: float
    cpu_iterations: int
    wait_ms: int

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read the settings, or raise `SettingsError`."""
        database_url = env.get("DATABASE_URL", "")
        if not database_url:
            raise SettingsError("DATABASE_URL must be set.")
        return cls(
            database_url=database_url,
            pool_size=_whole_number(env, "POOL_SIZE", default=16, least=1),
            pool_timeout=_seconds(env, "POOL_TIMEOUT", default=30.0),
            cpu_iterations=_whole_number(env, "CPU_ITERATIONS", default=10_000_000, least=0),
            wait_ms=_whole_number(env, "WAIT_MS", default=100, least=0),
        )


def load() -> Settings:
    """Read the process's environment; on an error say so in one sentence, and stop the server."""
    try:
        return Settings.from_env(environ)
    except SettingsError as error:
        print(error, file=sys.stderr, flush=True)
        # gunicorn's WORKER_BOOT_ERROR: the master gives up instead of starting workers for ever.
        sys.exit(3)


def _whole_number(env: Mapping[str, str], name: str, *, default: int, least: int) -> int:
    text = env.get(name)
    if text is None:
        return default
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise SettingsError(f"{name} must be a whole number of at least {least}, not {text!r}.")
    return value


def _seconds(env: Mapping[str, str], name: str, *, default: float) -> float:
    text = env.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise SettingsError(f"{name} must be a positive number of seconds, not {text!r}.")
    return value
