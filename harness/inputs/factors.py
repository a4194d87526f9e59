"""Factors, and in which of them two variants differ: the basis of causal comparisons.

Their names, values and titles are in `shared/factors.toml`, with the tags.
"""

import re
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Protocol

import msgspec

from harness.base.decode import convert, toml_table
from harness.base.errors import MalformedFile, nearest, plain
from harness.base.workspace import Workspace

FILE = "factors.toml"
"""Of the vocabulary, in `shared/`."""
POOLED, PER_THREAD, PER_REQUEST = "pooled", "per-thread", "per-request"
"""Values of the factor `pool`: how a server holds its connections to PostgreSQL."""
REUSED = "reused"
"""Value of the factor `threads`: as many threads as connections, for which requests wait."""
DECIDING = {
    "pool": (POOLED, PER_THREAD, PER_REQUEST),
    "views": ("async", "sync"),
    "bridge": ("none", "per-query", "per-view", "fused", "inline"),
    "threads": (PER_REQUEST, REUSED),
}
"""Factors by which the harness decides, and all of their values. `pool` and `threads` say how many
connections are allowed and what requests queue for; `views` and `bridge`, whether a query blocks a
thread. Another value in the vocabulary would switch such a rule off, so it is refused there."""
VIEWS = "views"
"""A factor: whether the application's handlers are sync or async."""
FRAMEWORK, SERVER = "framework", "server"
"""Factors that every variant has by its place; `factors.framework` overrides the folder, where two
folders hold the same framework in two versions."""


class Factor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `shared/factors.toml` says of one factor; its keys are explained there.

    Exactly one of `values`, `least` with `most`, and `any` says what its values are.
    """

    title: str
    meaning: str
    values: dict[str, str] = {}
    least: int | None = None
    most: int | None = None
    any: bool = False
    usual: str | None = None
    told: str = "{new}"
    elsewhere: str | None = None

    def problem(self, value: str) -> str | None:
        """Why it cannot have that value; None if it can."""
        if self.any or value in self.values:
            return None
        if self.least is not None and self.most is not None:
            if _NUMBER.fullmatch(value) and self.least <= int(value) <= self.most:
                return None
            return f"{value!r} is no whole number from {self.least} to {self.most}; write one"
        return _unknown("value", value, self.values)


class Vocabulary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All factors and tags, by name.

    tags: each with what it says of a variant.
    """

    factors: dict[str, Factor]
    tags: dict[str, str]

    @property
    def usual(self) -> dict[str, str]:
        """Factors that apply to every variant, and their values where a manifest names none.

        Any other factor that a variant does not name does not apply to it: what has no threads does
        not differ from another in how it makes them.
        """
        return {name: f.usual for name, f in self.factors.items() if f.usual is not None}

    def title(self, factor: str, value: str) -> str:
        """A value as a noun phrase; one without a title stands for itself."""
        known = self.factors.get(factor)
        return value if known is None else known.values.get(value, value)

    def change(self, factor: str, old: str, new: str) -> str:
        """Another value of a factor, as a noun phrase."""
        known = self.factors.get(factor)
        if known is None or (known.values and new not in known.values and known.told == "{new}"):
            name = factor.replace("_", " ") if known is None else known.title
            return f"{name} {new} instead of {old}"
        return known.told.format(new=self.title(factor, new), old=self.title(factor, old))

    def factor_problem(self, factors: Mapping[str, str]) -> tuple[str, str] | None:
        """The first factor that a manifest may not have so, and why not; None if it may all."""
        for name, value in factors.items():
            known = self.factors.get(name)
            if known is None:
                named = [other for other, f in self.factors.items() if f.elsewhere is None]
                return name, f"{_unknown('factor', name, named)}. {_NEW_ONE}"
            if known.elsewhere is not None:
                return name, f"{known.elsewhere}; remove it"
            if (problem := known.problem(value)) is not None:
                extends = known.values and name not in DECIDING
                return name, f"{problem}. {_NEW_ONE}" if extends else problem
        return None

    def tag_problem(self, tag: str) -> str | None:
        """Why a manifest may not have that tag; None if it may."""
        return None if tag in self.tags else _unknown("tag", tag, self.tags)


_NEW_ONE = f"A new one gets a line in shared/{FILE} first"


def _unknown(kind: str, name: str, known: Collection[str]) -> str:
    near = nearest(name, known)
    first = f"the nearest is `{near}`, and " if near else ""
    return f"no such {kind} {plain(name)!r}; {first}the allowed ones are {', '.join(known)}"


_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")


def load_vocabulary(path: Path) -> Vocabulary:
    """Read the vocabulary, and check it.

    Raises:
        MalformedFile: naming the key.
    """
    words = convert(toml_table(path), Vocabulary, path)
    for name, factor in words.factors.items():
        if problem := _inconsistency(name, factor):
            raise MalformedFile(path, f"`factors.{plain(name)}{problem}.")
    return words


def _inconsistency(name: str, factor: Factor) -> str | None:
    """What is wrong with an entry, after the beginning of its key; None if it is sound."""
    bounded = factor.least is not None and factor.most is not None
    if (bool(factor.values), bounded, factor.any).count(True) != 1:
        return "` needs one of `values`, `least` with `most`, and `any`; add it, or remove another"
    if factor.usual is not None and (problem := factor.problem(factor.usual)):
        return f".usual`: {problem}"
    try:
        factor.told.format(new="", old="")
    except (KeyError, ValueError, IndexError):
        return f".told` is {factor.told!r}, and only {{new}} and {{old}} are filled in; mend it"
    decided = DECIDING.get(name)
    if decided is not None and set(factor.values) != set(decided):
        return f".values`: the harness decides by it, so they must be {', '.join(decided)}"
    return None


@cache
def vocabulary() -> Vocabulary:
    """The vocabulary of this checkout, read once.

    Raises:
        MalformedFile: naming the key.
    """
    return load_vocabulary(Workspace().shared / FILE)


def pool_of(factors: Mapping[str, str]) -> str:
    """How a variant holds its connections; it pools, as the contract says, unless it says else."""
    return factors.get("pool", POOLED)


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
    return {FRAMEWORK: folder, SERVER: variant.server} | vocabulary().usual | variant.factors


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
