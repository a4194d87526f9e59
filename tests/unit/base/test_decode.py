import math
import os
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

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
    ("extra", "before", "key", "near", "allowed"),
    [
        ({"laef": 1}, "", "laef", "leaf", "by_name, leaf, leaves, notes, spare"),
        ({"leaf": {"size": 1, "siz": 2}}, "", "leaf.siz", "size", "label, size"),
        ({"spare": {"size": 1, "siz": 2}}, "", "spare.siz", "size", "label, size"),
        (
            {"leaves": [{"size": 1}, {"siz": 2}]}, "item 2 of `leaves`: ", "siz", "size",
            "label, size",
        ),
        ({"by_name": {"d": {"siz": 1}}}, "", "by_name.d.siz", "size", "label, size"),
    ],
)  # fmt: skip
def test_unknown_key_is_named_with_the_allowed_ones_at_any_depth(
    extra: dict[str, object], before: str, key: str, near: str, allowed: str
) -> None:
    assert problem(GOOD | extra) == (
        f"x.toml: {before}unknown key `{key}`; did you mean `{near}`? The allowed keys are: "
        f"{allowed}."
    )


def test_of_a_key_that_is_like_no_other_only_the_allowed_ones_are_told() -> None:
    told = "x.toml: unknown key `leaf.xyz`; the allowed keys are: label, size."
    assert problem(GOOD | {"leaf": {"size": 1, "xyz": 2}}) == told


SIZE = "it must be a whole number from 1 to 9."


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        ({"leaf": 1}, "`leaf` is 1; it must be a table."),
        ({"leaf": {"size": "1"}}, f'`leaf.size` is "1"; {SIZE}'),
        ({"leaf": {"size": 0}}, f"`leaf.size` is 0; {SIZE}"),
        ({"leaf": {"size": 10**60}}, f"`leaf.size` is a number of more than 40 digits; {SIZE}"),
        ({"leaf": {"size": math.nan}}, f"`leaf.size` is nan; {SIZE}"),
        (
            {"leaf": {"size": date(2026, 1, 2)}},
            f"`leaf.size` is the date or time 2026-01-02; {SIZE}",
        ),
        (
            {"leaf": {"size": 1, "label": ["a"]}},
            "`leaf.label` is a list of 1 item; it must be text.",
        ),
        ({"leaf": {"size": {}}}, f"`leaf.size` is a table; {SIZE}"),
        ({"spare": {"size": True}}, f"`spare.size` is true; {SIZE}"),
        ({"leaves": [{"size": 1}, {"size": 0}]}, f"item 2 of `leaves`: `size` is 0; {SIZE}"),
        ({"leaves": [{"size": 1}, 7]}, "item 2 of `leaves` is 7; it must be a table."),
        (
            {"leaves": {}},
            "`leaves` is a table; it must be a list: write `[[leaves]]` for each item.",
        ),
        ({"by_name": {"c": {"size": 1}, "d": {"size": 0}}}, f"`by_name.d.size` is 0; {SIZE}"),
    ],
)
def test_wrong_value_is_told_with_its_whole_key_and_what_is_allowed(
    extra: dict[str, object], told: str
) -> None:
    assert problem(GOOD | extra) == f"x.toml: {told}"


class Bounds(msgspec.Struct, frozen=True):
    share: Annotated[float, msgspec.Meta(gt=0, le=2)] = 1.0
    part: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.0
    inner: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.5
    rows: Annotated[int, msgspec.Meta(ge=0, le=10_000_000)] | None = None
    least: Annotated[int, msgspec.Meta(ge=3)] = 3
    mode: Literal["on", "off"] = "on"
    flag: bool = True
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=9)] = "a"
    few: Annotated[tuple[int, ...], msgspec.Meta(max_length=2)] = ()
    pair: tuple[int, int] = (1, 2)
    either: int | dict[str, int] = 0


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("share", 3, "a number above 0 and at most 2"),
        ("part", 1.0, "a number from 0 to below 1"),
        ("inner", 1.0, "a number above 0 and below 1"),
        ("rows", -1, "a whole number from 0 to 10,000,000"),
        ("least", 2, "a whole number of at least 3"),
        ("mode", "of", 'one of: "on", "off"'),
        ("flag", 1, "true or false"),
        ("name", "", "text of 1 to 9 characters"),
        ("few", [1, 2, 3], "a list of at most 2 items"),
        ("pair", [1], "a list of 2 items"),
        ("either", "x", "a whole number or a table"),
    ],
)
def test_what_is_allowed_is_told_in_the_words_of_the_file(
    key: str, value: object, wanted: str
) -> None:
    with pytest.raises(MalformedFile) as caught:
        convert({key: value}, Bounds, FILE)
    assert str(caught.value).endswith(f"; it must be {wanted}.")


def test_of_a_record_as_json_an_object_and_null_are_told() -> None:
    with pytest.raises(MalformedFile, match=r"`rows` is an object; it must be .* or null"):
        convert({"rows": {}}, Bounds, Path("x.json"))


def test_a_wrong_text_or_key_stays_on_one_line_and_short() -> None:
    told = problem(GOOD | {"leaf": {"size": "a\n" * 99}, "x\ny\x1b": 1})
    assert "\n" not in told
    assert "\x1b" not in told
    assert len(problem(GOOD | {"leaf": {"size": "a\n" * 99}})) < 120


def test_keys_are_told_from_the_top_of_the_file() -> None:
    """A table that is converted on its own, such as [tool.bridgetoll], says where it stands."""
    assert "`tool.x.leaf.size`" in problem({"leaf": {"size": 0}}, "tool.x")
    assert "`tool.x.laef`" in problem({"laef": 1}, "tool.x")
    assert problem(GOOD | {"leaf": 1}, "tool.x").startswith("x.toml: `tool.x.leaf` is 1; ")


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


def refusal(path: Path) -> str:
    with pytest.raises(MalformedFile) as caught:
        toml_table(path)
    told = str(caught.value)
    assert told.startswith(f"{path}: ")
    assert told.endswith(".")
    assert "\n" not in told
    return told.removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'a = 1\nb = "\xe9"', "cannot be read (line 2 is not UTF-8); save the file as UTF-8."),
        ("a = 1".encode("utf-16"), "is UTF-16 or UTF-32; save it as UTF-8."),
        ("a = 1".encode("utf-32"), "is UTF-16 or UTF-32; save it as UTF-8."),
        (b"a = " + b"[" * 50_000, "lists or tables are nested too deep"),
        (b"a = " + b"{a = " * 50_000, "lists or tables are nested too deep"),
        (b"a = " + b"7" * 10_000, "a number has thousands of digits; shorten it."),
        (b"a = 1\na = 2\n", "this key stands there already (at line 2"),
        (b"[a]\n[a]", "this table stands there already (at line 2"),
        (b"a", "(at end of document); correct"),
        (b"a = 2026-13-45", "not valid TOML: "),
        (b"\0", "not valid TOML: "),
        (b"#" * (2**20 + 1), "has 1,048,577 bytes, and at most 1,048,576 are read"),
    ],
)
def test_what_is_no_toml_is_one_sentence(tmp_path: Path, body: bytes, told: str) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(body)
    assert told in refusal(path)


def test_a_byte_order_mark_of_utf_8_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(b"\xef\xbb\xbfa = 1")
    assert toml_table(path) == {"a": 1}


def test_only_an_ordinary_file_is_opened(tmp_path: Path) -> None:
    """A pipe without a writer would be waited for for ever."""
    pipe, link, loop = tmp_path / "p.toml", tmp_path / "l.toml", tmp_path / "o.toml"
    os.mkfifo(pipe)
    link.symlink_to("/dev/zero")
    loop.symlink_to(loop)
    assert refusal(tmp_path) == "is a folder; name a TOML file."
    assert refusal(pipe) == refusal(link) == "is no ordinary file; name a TOML file."
    assert refusal(loop).startswith("cannot be read (Too many levels")
    assert "File name too long" in refusal(tmp_path / f"{'x' * 300}.toml")
