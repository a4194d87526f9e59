from pathlib import Path
from typing import Annotated

import msgspec
import pytest

from harness.base.decode import convert, json_value, toml_table
from harness.base.errors import MalformedFile

FILE = Path("x.toml")


class Leaf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    size: Annotated[int, msgspec.Meta(ge=1, le=9)]
    label: str = ""


class Tree(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    leaf: Leaf
    spare: Leaf | None = None
    leaves: tuple[Leaf, ...] = ()
    by_name: dict[str, Leaf] = {}
    notes: dict[str, object] = {}


GOOD = {"leaf": {"size": 1}}


def problem(value: object, at: str = "") -> str:
    with pytest.raises(MalformedFile) as caught:
        convert(value, Tree, FILE, at)
    return str(caught.value)


def test_converts_nested_records() -> None:
    value = {
        "leaf": {"size": 1},
        "spare": {"size": 2},
        "leaves": [{"size": 3, "label": "c"}],
        "by_name": {"d": {"size": 4}},
        "notes": {"anything": [1, {"at": "all"}]},
    }
    assert convert(value, Tree, FILE) == Tree(
        leaf=Leaf(1),
        spare=Leaf(2),
        leaves=(Leaf(3, "c"),),
        by_name={"d": Leaf(4)},
        notes={"anything": [1, {"at": "all"}]},
    )


@pytest.mark.parametrize(
    ("extra", "key", "near", "allowed"),
    [
        ({"laef": 1}, "laef", "leaf", "by_name, leaf, leaves, notes, spare"),
        ({"leaf": {"size": 1, "siz": 2}}, "leaf.siz", "size", "label, size"),
        ({"spare": {"size": 1, "siz": 2}}, "spare.siz", "size", "label, size"),
        ({"leaves": [{"size": 1}, {"siz": 2}]}, "leaves[1].siz", "size", "label, size"),
        ({"by_name": {"d": {"siz": 1}}}, "by_name.d.siz", "size", "label, size"),
    ],
)
def test_unknown_key_is_named_with_the_allowed_ones_at_any_depth(
    extra: dict[str, object], key: str, near: str, allowed: str
) -> None:
    told = f"x.toml: unknown key `{key}`; did you mean `{near}`? The allowed keys are: {allowed}."
    assert problem(GOOD | extra) == told


def test_of_a_key_that_is_like_no_other_only_the_allowed_ones_are_told() -> None:
    told = "x.toml: unknown key `leaf.xyz`; the allowed keys are: label, size."
    assert problem(GOOD | {"leaf": {"size": 1, "xyz": 2}}) == told


@pytest.mark.parametrize(
    ("extra", "key", "what"),
    [
        ({"leaf": 1}, "leaf", "expected `object`, got `int`"),
        ({"leaf": {"size": "1"}}, "leaf.size", "expected `int`, got `str`"),
        ({"leaf": {"size": 0}}, "leaf.size", "expected `int` >= 1"),
        ({"leaf": {"size": 10}}, "leaf.size", "expected `int` <= 9"),
        ({"spare": {"size": True}}, "spare.size", "expected `int`, got `bool`"),
        ({"leaves": [{"size": 1}, {"size": 0}]}, "leaves[1].size", "expected `int` >= 1"),
        (
            {"by_name": {"c": {"size": 1}, "d": {"size": 0}}},
            "by_name.d.size",
            "expected `int` >= 1",
        ),
    ],
)
def test_wrong_value_is_named_by_its_whole_key(
    extra: dict[str, object], key: str, what: str
) -> None:
    assert problem(GOOD | extra) == f"x.toml: `{key}`: {what}; correct the value."


def test_keys_are_told_from_the_top_of_the_file() -> None:
    """A table that is converted on its own, such as [tool.bridgetoll], says where it stands."""
    assert "`tool.x.leaf.size`" in problem({"leaf": {"size": 0}}, "tool.x")
    assert "`tool.x.laef`" in problem({"laef": 1}, "tool.x")
    assert problem(GOOD | {"leaf": 1}, "tool.x").startswith("x.toml: `tool.x.leaf`: ")


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ({}, "leaf"),
        (GOOD | {"leaf": {}}, "leaf.size"),
        (GOOD | {"by_name": {"d": {}}}, "by_name.d.size"),
    ],
)
def test_a_missing_key_is_named(value: dict[str, object], key: str) -> None:
    assert problem(value) == f"x.toml: `{key}` is missing; add it."


def test_reads_toml_and_json(tmp_path: Path) -> None:
    toml, json = tmp_path / "a.toml", tmp_path / "a.json"
    toml.write_text("a = [1, 2]\n")
    json.write_text('{"a": [1, 2]}')
    assert toml_table(toml) == json_value(json.read_bytes(), json) == {"a": [1, 2]}


def test_malformed_toml_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("a = 1\nb = = 2\n")
    with pytest.raises(MalformedFile, match=r"a\.toml: not valid TOML: .*line 2.*"):
        toml_table(path)


def test_malformed_json_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": 1,\n "b"}')
    with pytest.raises(MalformedFile, match=r"a\.json: not valid JSON: .*line 2.*; restore"):
        json_value(path.read_bytes(), path)


def test_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(MalformedFile, match=r"a\.toml: no such file; restore it or name another\."):
        toml_table(tmp_path / "a.toml")


def test_a_folder_or_foreign_bytes_in_place_of_the_file_are_one_sentence(tmp_path: Path) -> None:
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'a = "\xe9"')
    for path in (tmp_path, latin):
        with pytest.raises(MalformedFile, match=r"cannot be read \(.*\); check the file\."):
            toml_table(path)
