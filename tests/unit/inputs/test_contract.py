from pathlib import Path

import pytest

from harness.base.errors import MalformedFile
from harness.base.workspace import Workspace
from harness.inputs.contract import ENDPOINTS, FANOUT, Contract, cpu_sum, fanout_target, row_id
from harness.lab.postgres.database import Database

POST = {
    "id": "c4ca4238-a0b9-4382-8dcc-509a6f75849b",
    "title": "t",
    "content": "c",
    "created_at": "2022-01-01T00:00:01.000004Z",
    "updated_at": "2022-01-01T00:00:01.000004+00:00",
}


def test_has_an_operation_for_every_endpoint(contract: Contract) -> None:
    assert tuple(contract.operations) == ENDPOINTS
    assert contract.operations["io_create"].method == "POST"
    assert contract.operations["io_read"].method == "GET"
    assert contract.operations["io_read"].path == "/io_read"
    verbs = {
        name: [s.verb for s in o.effects.statements] for name, o in contract.operations.items()
    }
    assert verbs["io_create"] == ["INSERT"]
    assert verbs["io_read"] == ["SELECT", "SELECT"]
    assert verbs["io_fanout"] == ["SELECT"] * FANOUT
    assert verbs["cpu"] == []
    assert contract.version == "1.3.0"


def test_names_the_schema_of_each_success(contract: Contract) -> None:
    assert {e: contract.success_schema(e) for e in ENDPOINTS} == {
        "health": "Health", "noop": "Noop", "cpu": "Cpu", "io_create": "Post",
        "io_read": "Posts", "io_fanout": "Fanout", "io_wait": "Waited",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("schema", "body"),
    [
        ("Health", {"status": "ok"}),
        ("Noop", {}),
        ("Post", POST),
        ("Posts", {"ct": 1, "posts": [POST]}),
        ("Fanout", {"posts": [POST, None, POST, None, None]}),
        ("Error", {"error": "No."}),
    ],
)
def test_finds_nothing_wrong_with_a_good_body(
    contract: Contract, schema: str, body: object
) -> None:
    assert contract.problem(schema, body) is None


@pytest.mark.parametrize(
    ("schema", "body", "where"),
    [
        ("Health", {"status": "OK"}, "$.status"),
        ("Noop", {"a": 1}, "$"),
        ("Cpu", {"ct": "1"}, "$.ct"),
        ("Post", POST | {"id": "not-a-uuid"}, "$.id"),
        ("Post", POST | {"created_at": "yesterday"}, "$.created_at"),
        ("Posts", {"ct": 1, "posts": [POST] * 26}, "$.posts"),
        ("Posts", {"ct": 1, "posts": [POST, POST | {"title": 1}]}, "$.posts[1].title"),
        ("Fanout", {"posts": [POST] * 4}, "$.posts"),
        ("Fanout", {"posts": [None] * 6}, "$.posts"),
        ("Fanout", {"ct": 5, "posts": [POST] * 5}, "$"),
        ("Error", {"error": ""}, "$.error"),
    ],
)
def test_says_where_a_bad_body_is_wrong(
    contract: Contract, schema: str, body: object, where: str
) -> None:
    problem = contract.problem(schema, body)
    assert problem is not None
    assert problem.startswith(f"{where}: ")


@pytest.mark.parametrize("iterations", [0, 1, 2, 1000])
def test_cpu_sum_is_the_loop(iterations: int) -> None:
    assert cpu_sum(iterations) == sum(i * i for i in range(iterations))


def test_row_id_is_the_id_of_the_row_in_the_table(database: Database) -> None:
    """Each row is a second after the one before it."""
    database.reset(1_000)
    stored = [found for (found,) in database.rows("SELECT id FROM post ORDER BY created_at")]
    assert stored == [row_id(number) for number in range(1, 1_001)]


def test_a_sample_asks_for_the_first_rows_where_rows_are_asked_for(contract: Contract) -> None:
    ids = [row_id(number) for number in range(1, FANOUT + 1)]
    assert str(ids[0]) == POST["id"]
    for name, operation in contract.operations.items():
        assert operation.path == f"/{name}"
        assert operation.target == (fanout_target(ids) if name == "io_fanout" else f"/{name}")


def test_a_target_names_its_ids_with_commas_between() -> None:
    assert fanout_target([]) == "/io_fanout?ids="
    assert fanout_target(["1", "x"]) == "/io_fanout?ids=1,x"


def problem(workspace: Workspace) -> str:
    with pytest.raises(MalformedFile) as caught:
        Contract(workspace)
    return str(caught.value)


def spoil(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[endpoints.io_create]", "[endpoints.io_creat]", "endpoint `io_create` is missing here"),
        ('verb = "INSERT"', 'verb = "MERGE"', '`verb` is "MERGE"; it must be one of: '),
        (
            "rows = 25",
            "row = 25",
            "item 1 of `endpoints.io_read.statements`: unknown key `row`; did you",
        ),
        ("[endpoints.cpu]", "[endpoints.cpu", "not valid TOML"),
    ],
)
def test_bad_effects_are_one_sentence(workspace: Workspace, old: str, new: str, told: str) -> None:
    path = workspace.shared / "contract" / "effects.toml"
    spoil(path, old, new)
    message = problem(workspace)
    assert message.startswith(f"{path}: ")
    assert told in message


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [1", "not valid YAML: "),
        ("- 1\n", "holds no mapping; restore the file."),
        ("info: {version: 1}\ncomponents: {}\n", "`paths` is missing or no mapping; restore the"),
        ("info: 1\npaths: {}\ncomponents: {}\n", "`info` is missing or no mapping; restore the"),
    ],
)
def test_bad_openapi_is_one_line(workspace: Workspace, text: str, told: str) -> None:
    path = workspace.shared / "contract" / "openapi.yaml"
    path.write_text(text)
    message = problem(workspace)
    assert message.startswith(f"{path}: {told}")
    assert "\n" not in message


@pytest.mark.parametrize("name", ["schema.sql", "dataset.sql", "contract/openapi.yaml"])
def test_missing_or_unreadable_text_is_one_sentence(workspace: Workspace, name: str) -> None:
    path = workspace.shared / name
    path.unlink()
    assert problem(workspace).startswith(f"{path}: cannot be read (")
    path.write_bytes(b"\xff\xfe")
    assert problem(workspace).startswith(f"{path}: cannot be read (")
