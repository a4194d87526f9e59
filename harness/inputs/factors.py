"""Factors, and in which of them two variants differ: the basis of causal comparisons."""

from collections.abc import Mapping
from typing import Protocol

WITHOUT_SAYING = {
    "extra_hops": "0",
    "middleware": "none",
    "switch_interval_us": "5000",
    "asgiref": "3.13",
}
"""Factors that apply to every variant, and their values where a manifest does not name them. Any
other factor that a variant does not name does not apply to it: what has no threads does not differ
from another in how it makes them."""
FRAMEWORK, SERVER = "framework", "server"
"""Factors that every variant has by its place; `factors.framework` overrides the folder, where two
folders hold the same framework in two versions."""


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
