"""Published tables as data, to set a replication beside them."""

from typing import Annotated

import msgspec

from harness.base.decode import convert, toml_table
from harness.base.errors import MalformedFile, UnknownName
from harness.base.workspace import Workspace

_Number = Annotated[float, msgspec.Meta(ge=0, le=1e12)]


class PublishedCell(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One setup on one route with one added latency.

    setup: as the study calls it. latency_ms: added to the round trip of both legs.
    highest_per_s: successful requests per second, at most. successes: in all.
    """

    setup: str
    endpoint: str
    latency_ms: _Number
    highest_per_s: _Number
    successes: Annotated[int, msgspec.Meta(ge=0, le=10**12)]


class Published(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table, and where it is from."""

    title: str
    source: str
    note: str
    cells: tuple[PublishedCell, ...]


def load_published(workspace: Workspace, name: str, where: str) -> Published:
    """Read `shared/published/NAME.toml`.

    Args:
        workspace: where it lies.
        name: of the table.
        where: the file and key that name it, for the error.

    Raises:
        UnknownName: with the tables that exist.
        MalformedFile: naming the key.
    """
    folder = workspace.shared / "published"
    known = sorted(path.stem for path in folder.glob("*.toml"))
    if name not in known:
        raise UnknownName("published table", name, known, where)
    path = folder / f"{name}.toml"
    table = convert(toml_table(path), Published, path)
    keys = [(cell.setup, cell.endpoint, cell.latency_ms) for cell in table.cells]
    if twice := [key for key in keys if keys.count(key) > 1]:
        raise MalformedFile(path, f"`cells` has {twice[0]} twice; remove one.")
    return table
