"""Factors, and in which of them two variants differ: the basis of causal comparisons."""

import re
from collections.abc import Mapping
from typing import Protocol

from harness.base.errors import nearest

POOLED, PER_THREAD, PER_REQUEST = "pooled", "per-thread", "per-request"
"""Values of the factor `pool`: how a server holds its connections to PostgreSQL."""
VALUES = {
    "pool": (POOLED, PER_THREAD, PER_REQUEST),
    "views": ("async", "sync"),
    "bridge": ("none", "per-query", "per-view", "fused", "inline"),
}
"""Factors by which the harness decides, and all of their values. `pool` says how many connections
are allowed and when requests queue for them; `views` and `bridge`, whether a query blocks a thread.
Any other value would switch such a rule off. Other factors may have any value."""

WITHOUT_SAYING = {
    "extra_hops": "0",
    "middleware": "none",
    "switch_interval_us": "5000",
}
"""Factors that apply to every variant, and their values where a manifest does not name them. Any
other factor that a variant does not name does not apply to it: what has no threads does not differ
from another in how it makes them."""
FRAMEWORK, SERVER = "framework", "server"
"""Factors that every variant has by its place; `factors.framework` overrides the folder, where two
folders hold the same framework in two versions."""


_OWN_KEYS = {
    SERVER: "it is the manifest's key `server`; remove it",
    "database_connections": "a study's setups make it; remove it",
}
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_HOPS = re.compile(r"0|[1-9][0-9]{0,3}")


def pool_of(factors: Mapping[str, str]) -> str:
    """How a variant holds its connections; it pools, as the contract says, unless it says else."""
    return factors.get("pool", POOLED)


def factor_problem(factors: Mapping[str, str]) -> tuple[str, str] | None:
    """The first factor that a manifest may not have so, and why not; None if it may have all."""
    for name, value in factors.items():
        if not _NAME.fullmatch(name):
            return name, "a factor's name has small letters, digits and underscores only; rename it"
        if name in _OWN_KEYS:
            return name, _OWN_KEYS[name]
        if name == "extra_hops" and not _HOPS.fullmatch(value):
            return name, f"{value!r} is no number of hops; write one from 0 to 9999"
        if value not in (values := VALUES.get(name, (value,))):
            near = nearest(value, values)
            first = f"the nearest is `{near}`, and " if near else ""
            return name, f"no such value {value!r}; {first}the allowed ones are {', '.join(values)}"
    return None


class Factored(Protocol):
    """A variant, as it stands in a manifest or was kept in a run."""

    @property
    def framework(self) -> str:
        """Its title."""

    @property
    def server(self) -> str:
        """A key of `shared/servers.toml`."""

    @property
    def factors(self) -> dict[str, str]:
        """By name."""


def factors_of(name: str, variant: Factored) -> dict[str, str]:
    """All factors of a variant called `folder/variant`, those that go without saying included."""
    folder = name.partition("/")[0]
    return {FRAMEWORK: folder, SERVER: variant.server} | WITHOUT_SAYING | variant.factors


def differences(one: Mapping[str, str], other: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The factors that apply to both and differ: their values in the one and in the other."""
    return {
        factor: (value, other[factor])
        for factor, value in one.items()
        if factor in other and other[factor] != value
    }


def brought(one: Mapping[str, str], other: Mapping[str, str]) -> dict[str, str]:
    """The factors that apply to one of the two alone: what the difference brings along."""
    return {f: v for f, v in {**other, **one}.items() if (f in one) is not (f in other)}
