"""Published claims as records: the statement, its source, and the criteria that test it."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from harness.base.decode import convert, in_item, toml_table
from harness.base.errors import MalformedFile, nearest, plain
from harness.base.workspace import Workspace
from harness.inputs.contract import ENDPOINTS
from harness.inputs.manifests import QUANTITIES
from harness.inputs.settings import Line
from harness.inputs.study import Condition

Bound = Annotated[float, msgspec.Meta(ge=0, le=1e12)]


class Criterion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way to hold a claim against a run. Exactly one of these is named:

    of, to: the ratio of two variants, by `measure`, under each condition that fits.
    price: the beginning of a toll's name, in microseconds, at each concurrency that fits.
    count: a quantity of the audit, of the variant `of`.
    memory_per: MiB of the variant `of` for one thread or connection more, from the lowest to the
        highest concurrency, where servers are fresh for every condition.

    measure: `highest` is the highest rate of one of Locust's ramps, `successes` all that it saw.
    endpoints, connections, latency_ms: which conditions fit; all of them where empty. latency_ms is
        the added round trip of both legs together.
    leg: the only one that is longer; whichever they are where None.
    beside: the endpoint of a second load; only conditions without one where None. Conditions that
        give servers more than one worker never fit: what is claimed is about one process.
    at_least, at_most: where the value must lie for the claim to hold.
    part: of a claim that says several things, which of them; a claim is supported as a whole only
        if each part has been decided.
    """

    of: str | None = None
    to: str | None = None
    measure: Literal["cpu", "throughput", "p50", "p99", "highest", "successes"] = "throughput"
    price: str | None = None
    count: str | None = None
    memory_per: Literal["thread", "connection"] | None = None
    endpoints: tuple[str, ...] = ()
    connections: tuple[int, ...] = ()
    latency_ms: tuple[float, ...] = ()
    leg: Literal["database", "client"] | None = None
    beside: str | None = None
    at_least: Bound | None = None
    at_most: Bound | None = None
    part: str = ""

    def fits(self, condition: Condition) -> bool:
        """Whether it concerns what was measured under this condition."""
        latency = condition.latency
        legs = {} if latency is None else {leg: ms for leg, ms in latency.legs.items() if ms}
        added = sum(legs.values(), 0.0)
        beside = None if condition.beside is None else condition.beside.endpoint
        return (
            condition.endpoint in (self.endpoints or (condition.endpoint,))
            and condition.connections in (self.connections or (condition.connections,))
            and added in (self.latency_ms or (added,))
            and self.leg in (None, *(legs if len(legs) == 1 else ()))
            and beside == self.beside
            and condition.workers in (None, 1)
        )


class Claim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A statement from the literature.

    name: e.g. F1. source: who said it, where and when. says: in short.
    note: what the criteria take it to mean, or leave out.
    studies: names of studies that test it.
    """

    name: Line
    source: str
    says: str
    criteria: tuple[Criterion, ...] = ()
    note: str | None = None
    studies: tuple[str, ...] = ()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    claims: tuple[object, ...]


def load_claims(workspace: Workspace) -> tuple[Claim, ...]:
    """Read `shared/claims.toml`.

    Raises:
        MalformedFile: naming the claim and what is wrong with it.
    """
    claims, broken = readable_claims(workspace)
    if broken:
        raise broken[0]
    return claims


def readable_claims(workspace: Workspace) -> tuple[tuple[Claim, ...], list[MalformedFile]]:
    """The claims of `shared/claims.toml` that can be read, and an error for each that cannot."""
    path = workspace.shared / "claims.toml"
    claims: dict[str, Claim] = {}
    broken: list[MalformedFile] = []
    try:
        entries = convert(toml_table(path), _File, path).claims
    except MalformedFile as error:
        return (), [error]
    for number, entry in enumerate(entries):
        try:
            claim = convert(entry, Claim, path, ("claims", number))
            if claim.name in claims:
                raise MalformedFile(path, f"two claims are called {claim.name}; rename one.")
            _check_studies(workspace, path, claim)
            for index, criterion in enumerate(claim.criteria):
                at = in_item("criteria", index).removesuffix(": ")
                _check(path, f"claim {claim.name}, {at}", criterion)
        except MalformedFile as error:
            broken.append(error)
        else:
            claims[claim.name] = claim
    return tuple(claims.values()), broken


def _check_studies(workspace: Workspace, path: Path, claim: Claim) -> None:
    known = [file.stem for file in sorted((workspace.shared / "studies").glob("*.toml"))]
    for name in claim.studies:
        if name not in known:
            raise MalformedFile(
                path,
                f"claim {plain(claim.name)}: `studies` has `{plain(name)}`, which is no study in "
                f"shared/studies{_near(name, known)}; correct or remove it.",
            )


def _near(name: str, known: list[str]) -> str:
    near = nearest(name, known)
    return f" (the nearest is `{near}`)" if near else ""


def _check(path: Path, at: str, criterion: Criterion) -> None:
    of = criterion.of is not None
    memory = criterion.memory_per is not None
    kinds = [of and criterion.to is not None and not memory, criterion.price is not None]
    kinds += [of and criterion.count is not None, of and memory]
    if sum(kinds) != 1:
        raise MalformedFile(
            path,
            f"{at}: name one of `price`, `of` with `to`, `of` with `count`, and `of` with "
            "`memory_per`.",
        )
    _check_keys(path, at, criterion)
    if criterion.at_least is None and criterion.at_most is None:
        raise MalformedFile(path, f"{at}: name `at_least`, `at_most` or both.")
    _check_names(path, at, criterion)
    least, most = criterion.at_least, criterion.at_most
    if least is not None and most is not None and least > most:
        raise MalformedFile(path, f"{at}: `at_least` is more than `at_most`; exchange them.")


_ALWAYS = frozenset({"at_least", "at_most", "part"})
_WHERE = frozenset({"endpoints", "connections", "latency_ms", "leg", "beside"})
_KEYS: dict[str, frozenset[str]] = {
    "price": frozenset({"price", "connections"}),
    "count": frozenset({"of", "count", "endpoints"}),
    "memory_per": _WHERE | {"of", "to", "memory_per"},
    "to": _WHERE | {"of", "to", "measure"},
}
"""The keys that each kind of criterion reads."""


def _check_keys(path: Path, at: str, criterion: Criterion) -> None:
    """Refuse keys that this kind of criterion would ignore."""
    kind = next(key for key in _KEYS if getattr(criterion, key) is not None)
    usual, means = Criterion(), _KEYS[kind] | _ALWAYS
    for key in Criterion.__struct_fields__:
        if key not in means and getattr(criterion, key) != getattr(usual, key):
            raise MalformedFile(path, f"{at}: `{key}` does nothing beside `{kind}`; remove it.")


def _check_names(path: Path, at: str, criterion: Criterion) -> None:
    known = {"endpoints": criterion.endpoints, "beside": (criterion.beside,)}
    for key, values in known.items():
        for value in values:
            if value is not None and value not in ENDPOINTS:
                raise MalformedFile(
                    path, f"{at}: `{key}` has `{value}`; the endpoints are {', '.join(ENDPOINTS)}."
                )
    if criterion.count is not None and criterion.count not in QUANTITIES:
        raise MalformedFile(
            path, f"{at}: `count` is `{criterion.count}`; choose one of {', '.join(QUANTITIES)}."
        )
