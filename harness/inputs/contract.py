"""The contract as records: response schemas, SQL effects per request, table and rows."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import msgspec

from harness.base.decode import convert, toml_table
from harness.base.errors import MalformedFile, UnknownName
from harness.base.workspace import Workspace

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

ENDPOINTS = ("health", "noop", "cpu", "io_create", "io_read", "io_fanout", "io_wait")
"""The operations of the contract, in the order in which reports show them."""


PAGE_SIZE = 25
"""Posts in one answer of `/io_read`, at most."""
FANOUT = 5
"""Posts in one request of `/io_fanout`, exactly."""
SAMPLE = range(1, FANOUT + 1)
"""Rows of the dataset that a sample of `/io_fanout` asks for."""
MAX_BODY_BYTES = 65_536
"""A request body above this is answered 413."""
MAX_FIELDS = 1_000
"""A form with more is refused."""
MAX_TITLE, MAX_CONTENT = 100, 10_000
"""Characters in a post's fields, at most."""

Verb = Literal["SELECT", "INSERT", "UPDATE", "DELETE"]


class Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One SQL statement of a request, and how many rows it returns or changes."""

    verb: Verb
    rows: int


class Effects(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one correct request does to the database."""

    statements: tuple[Statement, ...]
    control: int


class _EffectsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    endpoints: dict[str, Effects]


class Operation(msgspec.Struct, frozen=True):
    """One endpoint: how to call it and what it does."""

    name: str
    method: str
    effects: Effects

    @property
    def path(self) -> str:
        """The request target without a query."""
        return f"/{self.name}"

    @property
    def target(self) -> str:
        """The request target of a sample; of `/io_fanout`, with ids of rows of the dataset."""
        if self.name != "io_fanout":
            return self.path
        return fanout_target(row_id(number) for number in SAMPLE)


class Contract:
    """Everything that all implementations have in common."""

    def __init__(self, workspace: Workspace) -> None:
        folder = workspace.shared / "contract"
        self.document = _yaml(folder / "openapi.yaml")
        self.version = str(self.document["info"].get("version"))
        self.operations = _operations(self.document, folder)
        self.schema_sql = _text(workspace.shared / "schema.sql")
        self.dataset_sql = _text(workspace.shared / "dataset.sql")
        self._validators: dict[str, Draft202012Validator] = {}

    def problem(self, schema: str, body: object) -> str | None:
        """Why `body` does not fit `components/schemas/<schema>`, or None if it does."""
        import jsonschema  # here, because `bridgetoll list` must start at once

        if schema not in self._validators:
            root = {
                "$ref": f"#/components/schemas/{schema}",
                "components": self.document["components"],
            }
            self._validators[schema] = jsonschema.Draft202012Validator(
                root, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
            )
        error = jsonschema.exceptions.best_match(self._validators[schema].iter_errors(body))
        return None if error is None else f"{error.json_path}: {error.message}"

    def success_schema(self, endpoint: str) -> str:
        """The name of the schema of the endpoint's 200."""
        operation = self.document["paths"][f"/{endpoint}"]
        (method,) = operation
        response = operation[method]["responses"]["200"]["$ref"].rsplit("/", 1)[1]
        content = self.document["components"]["responses"][response]["content"]
        return str(content["application/json"]["schema"]["$ref"].rsplit("/", 1)[1])


def cpu_sum(iterations: int) -> int:
    """What `/cpu` answers: the sum of the squares below `iterations`."""
    n = iterations - 1
    return n * (n + 1) * (2 * n + 1) // 6


def row_id(number: int) -> UUID:
    """The id of a row that `shared/dataset.sql` makes; it counts from 1."""
    digest = hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()
    return UUID(f"{digest[:12]}4{digest[13:16]}8{digest[17:]}")


def fanout_target(ids: Iterable[object]) -> str:
    """The request target that asks `/io_fanout` for these, right or wrong."""
    return f"/io_fanout?ids={','.join(str(post) for post in ids)}"


def _operations(document: dict[str, Any], folder: Path) -> dict[str, Operation]:
    path = folder / "effects.toml"
    effects = convert(toml_table(path), _EffectsFile, path).endpoints
    methods = {
        route.removeprefix("/"): next(iter(item)) for route, item in document["paths"].items()
    }
    for name in ENDPOINTS:
        if name not in methods or name not in effects:
            raise MalformedFile(
                path, f"endpoint `{name}` is missing here or in openapi.yaml; add it."
            )
    return {
        name: Operation(name=name, method=methods[name].upper(), effects=effects[name])
        for name in ENDPOINTS
    }


def _yaml(path: Path) -> dict[str, Any]:
    import yaml  # here, because `bridgetoll list` must start at once

    try:
        document = yaml.safe_load(_text(path))
    except yaml.YAMLError as error:
        raise MalformedFile(
            path, f"not valid YAML: {' '.join(str(error).split())}; mend it."
        ) from error
    if not isinstance(document, dict):
        raise MalformedFile(path, "holds no mapping; restore the file.")
    for key in ("info", "paths", "components"):
        if not isinstance(document.get(key), dict):
            raise MalformedFile(path, f"`{key}` is missing or no mapping; restore the file.")
    return document


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MalformedFile(path, f"cannot be read ({error}); restore the file.") from error


def check_endpoint(name: str, where: str) -> str:
    """Return the name, or raise `UnknownName` if the contract has no such endpoint."""
    if name not in ENDPOINTS:
        raise UnknownName("endpoint", name, list(ENDPOINTS), where)
    return name
