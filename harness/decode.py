"""Strict decoding at the boundary: TOML and JSON files to frozen records, or one clear sentence."""

import json
import re
import tomllib
import types
import typing
from pathlib import Path
from typing import Any

import msgspec

from harness.errors import MalformedFile


def toml_table(path: Path) -> dict[str, Any]:
    """Read a TOML file into plain Python values.

    Raises:
        MalformedFile: the file is missing, unreadable, or not TOML (with line and column).
    """
    try:
        return tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError as error:
        raise MalformedFile(path, f"not valid TOML: {error}; mend that line.") from error


def json_value(path: Path) -> Any:
    """Read a JSON file into plain Python values.

    Raises:
        MalformedFile: the file is missing, unreadable, or not JSON.
    """
    try:
        return json.loads(_text(path))
    except json.JSONDecodeError as error:
        raise MalformedFile(path, f"not valid JSON: {error}; restore or delete the file.") from error


def convert[T](value: object, kind: type[T], path: Path, at: str = "") -> T:
    """Turn plain values into the record `kind`, refusing unknown keys and wrong types.

    Args:
        value: what a TOML or JSON decoder gave.
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
        raise MalformedFile(path, _sentence(str(error), at)) from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise MalformedFile(path, "no such file; restore it or name another.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise MalformedFile(path, f"cannot be read ({error}); check the file.") from error


def _refuse_unknown_keys(value: object, kind: Any, path: Path, at: str) -> None:
    """Walk records, lists, tables and unions alike, so that the message can list allowed keys."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        structs = [a for a in arguments if _is_struct(a) or typing.get_origin(a)]
        if value is not None and len(structs) == 1:
            _refuse_unknown_keys(value, structs[0], path, at)
    elif _is_struct(kind) and isinstance(value, dict):
        fields = {f.encode_name: f.type for f in msgspec.structs.fields(kind)}
        for key, item in value.items():
            here = f"{at}.{key}" if at else str(key)
            if key not in fields:
                allowed = ", ".join(sorted(fields))
                raise MalformedFile(path, f"unknown key `{here}`; the allowed keys are: {allowed}.")
            _refuse_unknown_keys(item, fields[key], path, here)
    elif origin is dict and isinstance(value, dict):
        for key, item in value.items():
            _refuse_unknown_keys(item, arguments[1], path, f"{at}.{key}" if at else str(key))
    elif origin in (tuple, list) and isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_unknown_keys(item, arguments[0], path, f"{at}[{index}]")


def _is_struct(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _sentence(message: str, at: str) -> str:
    """Rewrite msgspec's `Expected `int`, got `str` - at `$.load.slice_s`` around the key."""
    match = re.fullmatch(r"(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?", message, re.DOTALL)
    assert match is not None
    inner = (match["path"] or "").lstrip(".")
    key = ".".join(part for part in (at, inner) if part).replace(".[", "[")
    what = match["what"][:1].lower() + match["what"][1:]
    where = f"`{key}`" if key else "the file"
    return f"{where}: {what}; correct the value."
