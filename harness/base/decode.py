"""Strict decoding of TOML and JSON files to frozen records, with one clear sentence per error."""

import json
import re
import tomllib
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from harness.base.errors import MalformedFile, nearest


def toml_table(path: Path) -> dict[str, Any]:
    """Read a TOML file into plain Python values.

    Raises:
        MalformedFile: the file is missing, unreadable, or not TOML (with line and column).
    """
    try:
        return tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError as error:
        raise MalformedFile(path, f"not valid TOML: {error}; correct that line.") from error


def json_value(body: bytes, path: Path) -> Any:
    """Parse JSON into plain Python values.

    Args:
        body: the whole document.
        path: the file it comes from, for messages.

    Raises:
        MalformedFile: it is not UTF-8, or not JSON.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise unreadable(path, error) from error
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:  # also numbers too long, brackets too deep
        problem = str(error)
        if isinstance(error, json.JSONDecodeError) and "\n" not in text:
            problem = f"{error.msg}: column {error.colno}"  # its line has another number elsewhere
        raise MalformedFile(path, f"not valid JSON: {problem}; restore or delete it.") from error


def convert[T](value: object, kind: type[T], path: Path, at: str = "") -> T:
    """Turn plain values into the record `kind`, refusing unknown keys and wrong types.

    Args:
        value: the result of a TOML or JSON decoder.
        kind: a msgspec Struct type, or any type msgspec understands.
        path: the file the value comes from, for messages.
        at: the dotted key of `value` within that file, for messages.

    Raises:
        MalformedFile: naming file, key and the allowed keys or the expected type.
    """
    _refuse_unknown_keys(value, kind, path, at)
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        for here, item, inner in _parts(value, kind, at):
            convert(item, inner, path, here)  # names the key; msgspec writes `[...]` for a table's
        raise MalformedFile(path, _sentence(str(error), at)) from error


def unreadable(path: Path, error: OSError | UnicodeDecodeError) -> MalformedFile:
    """The error for a file that cannot be read, without the path that an OSError's text has."""
    if isinstance(error, FileNotFoundError):
        return MalformedFile(path, "no such file; restore it or name another.")
    reason = error.strerror if isinstance(error, OSError) else error
    return MalformedFile(path, f"cannot be read ({reason}); check the file.")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from error


def _refuse_unknown_keys(value: object, kind: Any, path: Path, at: str) -> None:
    """Check the keys of all nested records before any value, so that errors list allowed keys."""
    kind = _without_alternatives(kind)
    if _is_struct(kind) and isinstance(value, dict):
        fields = {field.encode_name for field in msgspec.structs.fields(kind)}
        for key in value:
            if key not in fields:
                allowed = ", ".join(sorted(fields))
                near = nearest(str(key), fields)
                the = f"did you mean `{near}`? The" if near else "the"
                raise MalformedFile(
                    path, f"unknown key `{_join(at, key)}`; {the} allowed keys are: {allowed}."
                )
    for here, item, inner in _parts(value, kind, at):
        _refuse_unknown_keys(item, inner, path, here)


def _parts(value: object, kind: Any, at: str) -> Iterator[tuple[str, object, Any]]:
    """The parts of `value`, which should be a `kind`: key, value and kind of each."""
    kind = _without_alternatives(kind)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if isinstance(value, dict) and _is_struct(kind):
        types_by_name = {f.encode_name: f.type for f in msgspec.structs.fields(kind)}
        for key, item in value.items():
            if key in types_by_name:
                yield _join(at, key), item, types_by_name[key]
    elif isinstance(value, dict) and origin is dict:
        for key, item in value.items():
            yield _join(at, key), item, arguments[1]
    elif isinstance(value, list) and origin in (tuple, list):
        for index, item in enumerate(value):
            yield f"{at}[{index}]", item, arguments[0]


def _without_alternatives(kind: Any) -> Any:
    """The one record or collection of a union such as `Record | None`."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        nested = [a for a in typing.get_args(kind) if _is_struct(a) or typing.get_origin(a)]
        if len(nested) == 1:
            return nested[0]
    return kind


def _join(at: str, key: object) -> str:
    return f"{at}.{key}" if at else str(key)


def _is_struct(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _sentence(message: str, at: str) -> str:
    """Rewrite msgspec's `Expected `int`, got `str` - at `$.load.slice_s`` around the key."""
    match = re.fullmatch(r"(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?", message, re.DOTALL)
    assert match is not None
    inner = (match["path"] or "").lstrip(".")
    if missing := re.fullmatch(r"Object missing required field `(.+)`", match["what"]):
        inner = f"{inner}.{missing[1]}" if inner else missing[1]
    key = ".".join(part for part in (at, inner) if part).replace(".[", "[")
    if missing:
        return f"`{key}` is missing; add it."
    what = match["what"][:1].lower() + match["what"][1:]
    where = f"`{key}`" if key else "the file"
    return f"{where}: {what}; correct the value."
