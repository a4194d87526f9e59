"""Published claims as records: what was said, by whom, and what would show it."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from harness.decode import convert, toml_table
from harness.errors import MalformedFile
from harness.workspace import Workspace

Bound = Annotated[float, msgspec.Meta(ge=0)]


class Criterion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way to hold a claim against a run. Exactly one of these is named:

    of, to: the ratio of two variants, by `measure`, under each condition that fits.
    price: the beginning of a toll's name, in microseconds, at each concurrency that fits.
    count: a quantity of the audit, of the variant `of`.

    endpoints, connections, latency_ms: which conditions fit; all of them where empty. latency_ms is
        the added round trip of both legs together.
    at_least, at_most: where the value must lie for the claim to hold.
    study: the only study whose runs may tell; any where None.
    """

    of: str | None = None
    to: str | None = None
    measure: Literal["cpu", "throughput", "p99"] = "throughput"
    price: str | None = None
    count: str | None = None
    endpoints: tuple[str, ...] = ()
    connections: tuple[int, ...] = ()
    latency_ms: tuple[float, ...] = ()
    at_least: Bound | None = None
    at_most: Bound | None = None
    study: str | None = None


class Claim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A statement from the literature.

    name: e.g. F1. source: who said it, where and when. says: in short. expected: what we would say.
    note: why it is not tested, or what the criteria leave out.
    """

    name: str
    source: str
    says: str
    criteria: tuple[Criterion, ...] = ()
    note: str | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    claims: tuple[Claim, ...]


def load_claims(workspace: Workspace) -> tuple[Claim, ...]:
    """Read `shared/claims.toml`.

    Raises:
        MalformedFile: naming the claim and what is wrong with it.
    """
    path = workspace.shared / "claims.toml"
    claims = convert(toml_table(path), _File, path).claims
    names = [claim.name for claim in claims]
    if twice := [name for name in names if names.count(name) > 1]:
        raise MalformedFile(path, f"two claims are called {twice[0]}; rename one.")
    for claim in claims:
        for index, criterion in enumerate(claim.criteria):
            _check(path, f"claim {claim.name}, criteria[{index}]", criterion)
    return claims


def _check(path: Path, at: str, criterion: Criterion) -> None:
    ratio = criterion.of is not None and criterion.to is not None
    kinds = [ratio, criterion.price is not None, criterion.count is not None]
    if sum(kinds) != 1 or (criterion.count is not None and criterion.of is None):
        raise MalformedFile(
            path, f"{at}: name either `of` and `to`, or `price`, or `count` with `of`."
        )
    if criterion.at_least is None and criterion.at_most is None:
        raise MalformedFile(path, f"{at}: name `at_least`, `at_most` or both.")
    least, most = criterion.at_least, criterion.at_most
    if least is not None and most is not None and least > most:
        raise MalformedFile(path, f"{at}: `at_least` is more than `at_most`; exchange them.")
