"""Strict decoding of TOML and JSON files to frozen records, with one clear sentence per error."""

import datetime
import enum
import json
import stat
import tomllib
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from harness.base.errors import MalformedFile, nearest, plain, remedy_of

_LARGEST_TOML = 2**20
"""Bytes; a study of hundreds of conditions has a tenth."""
_LONGEST_SHOWN = 40
"""Characters of a wrong value that a message repeats."""
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")
"""Byte order marks of UTF-16 and, beginning alike, of UTF-32."""
_OF_TOML = {
    "Cannot overwrite a value": "this key stands there already",
    "Cannot declare": "this table stands there already",
    "Cannot mutate immutable namespace": "this table is complete already",
    "Invalid statement": "not `key = value`",
}
"""Beginnings of messages of `tomllib`, in the words of a writer of TOML."""
type Key = tuple[str | int, ...]
"""Names, and places in lists, from the top of the file."""


def toml_table(path: Path) -> dict[str, Any]:
    """Read a TOML file into plain Python values.

    Raises:
        MalformedFile: the file is missing, unreadable, too large, not UTF-8, or not TOML.
    """
    text = _toml_text(path)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problem = str(error)
        for theirs, ours in _OF_TOML.items():
            if problem.startswith(theirs):
                problem = f"{ours} ({problem.rpartition('(')[2]}"
        raise MalformedFile(path, f"not valid TOML: {problem}; correct that line.") from error
    except RecursionError as error:
        raise MalformedFile(
            path, "not valid TOML: lists or tables are nested too deep; make it flat."
        ) from error
    except ValueError as error:  # of integers: Python reads a few thousand digits
        raise MalformedFile(
            path, "not valid TOML: a number has thousands of digits; shorten it."
        ) from error


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


def convert[T](value: object, kind: type[T], path: Path, at: str | Key = "") -> T:
    """Turn plain values into the record `kind`, refusing unknown keys and wrong values.

    Args:
        value: the result of a TOML or JSON decoder.
        kind: a msgspec Struct type, or any type msgspec understands.
        path: the file the value comes from, for messages.
        at: the key of `value` within that file, for messages; dotted, or part by part.

    Raises:
        MalformedFile: naming file and key, the value, and what is allowed.
    """
    key: Key = at if isinstance(at, tuple) else (at,) if at else ()
    try:
        _refuse_unknown_keys(value, kind, path, key)
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise MalformedFile(path, _problem(value, kind, key, path) or f"{error}.") from error
    except RecursionError as error:
        raise MalformedFile(path, "its tables are nested too deep; make it flat.") from error


def unreadable(path: Path, error: OSError | UnicodeDecodeError) -> MalformedFile:
    """The error for a file that cannot be read, without the path that an OSError's text has."""
    if isinstance(error, FileNotFoundError):
        return MalformedFile(path, "no such file; restore it or name another.")
    if isinstance(error, OSError):
        remedy = f"{remedy_of(error)}, then try again"
        return MalformedFile(path, f"cannot be read ({error.strerror}); {remedy}.")
    return MalformedFile(path, f"cannot be read ({error}); check the file.")


def in_item(name: str, index: int) -> str:
    """How a message begins that is about an item of a list: people count from one."""
    return f"item {index + 1} of `{name}`: "


def _toml_text(path: Path) -> str:
    """The text of a TOML file, with or without a byte order mark.

    Nothing but an ordinary file of usual size is opened: a pipe would be waited for for ever.
    """
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise MalformedFile(path, "is a folder; name a TOML file.")
        if not stat.S_ISREG(found.st_mode):
            raise MalformedFile(path, "is no ordinary file; name a TOML file.")
        if found.st_size > _LARGEST_TOML:
            raise MalformedFile(
                path, f"has {found.st_size:,} bytes, and at most {_LARGEST_TOML:,} are read; "
                "shorten it, or name another file.",
            )  # fmt: skip
        body = path.read_bytes()
        if body.startswith(_WIDE_MARKS):
            raise MalformedFile(path, "is UTF-16 or UTF-32; save it as UTF-8.")
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise MalformedFile(
            path, f"cannot be read (line {line} is not UTF-8); save the file as UTF-8."
        ) from error
    except OSError as error:
        raise unreadable(path, error) from error


def _refuse_unknown_keys(value: object, kind: Any, path: Path, at: Key) -> None:
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
                    path,
                    f"{_shown(at, key, before='unknown key ')}; {the} allowed keys are: {allowed}.",
                )
    for here, item, inner in _parts(value, kind, at):
        _refuse_unknown_keys(item, inner, path, here)


def _parts(value: object, kind: Any, at: Key) -> Iterator[tuple[Key, object, Any]]:
    """The parts of `value`, which should be a `kind`: key, value and kind of each."""
    kind = _without_alternatives(kind)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if isinstance(value, dict) and _is_struct(kind):
        types_by_name = {f.encode_name: f.type for f in msgspec.structs.fields(kind)}
        for key, item in value.items():
            if key in types_by_name:
                yield (*at, key), item, types_by_name[key]
    elif isinstance(value, dict) and origin is dict:
        for key, item in value.items():
            yield (*at, key), item, arguments[1]
    elif isinstance(value, list) and origin in (tuple, list):
        fixed = origin is tuple and arguments[-1] is not Ellipsis
        for index, item in enumerate(value[: len(arguments)] if fixed else value):
            yield (*at, index), item, arguments[index if fixed else 0]


def _without_alternatives(kind: Any) -> Any:
    """The one record or collection of a union such as `Record | None`, and without bounds."""
    kind = _bare(kind)[0]
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        bare = [_bare(a)[0] for a in typing.get_args(kind)]
        nested = [a for a in bare if _is_struct(a) or _is_collection(a)]
        if len(nested) == 1:
            return nested[0]
    return kind


def _bare(kind: Any) -> tuple[Any, list[msgspec.Meta]]:
    """A type without its bounds, and the bounds."""
    if isinstance(kind, typing.TypeAliasType):
        kind = kind.__value__
    if hasattr(kind, "__metadata__"):  # Annotated
        metas = [meta for meta in kind.__metadata__ if isinstance(meta, msgspec.Meta)]
        return kind.__origin__, metas
    return kind, []


def _is_struct(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _is_collection(kind: object) -> bool:
    return typing.get_origin(kind) in (dict, list, tuple)


def _is_list_of_tables(kind: Any) -> bool:
    bare, _ = _bare(kind)
    arguments = typing.get_args(bare) if typing.get_origin(bare) in (list, tuple) else ()
    return bool(arguments) and _is_struct(_bare(arguments[0])[0])


def _problem(value: object, kind: Any, at: Key, path: Path) -> str | None:
    """What is wrong with the innermost value that does not fit; None if all of them do."""
    for here, item, inner in _parts(value, kind, at):
        if problem := _problem(item, inner, here, path):
            return problem
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        pass
    else:
        return None
    record = _without_alternatives(kind)
    if _is_struct(record) and isinstance(value, dict):
        for field in msgspec.structs.fields(record):
            if field.required and field.encode_name not in value:
                return f"{_shown(at, field.encode_name)} is missing; add it."
    json_words = path.suffix != ".toml"
    the = _shown(at) if at else "the file"
    hint = ""
    if isinstance(value, dict) and not json_words and at and _is_list_of_tables(kind):
        hint = f": write `[[{plain(at[-1])}]]` for each item"
    return f"{the} is {_value(value, json_words)}; it must be {wanted(kind, json_words)}{hint}."


def _shown(at: Key, *more: object, before: str = "") -> str:
    """A key for a reader: `a.b`, or `item 2 of `a`: `b``, with words before the name itself."""
    groups: list[str] = []
    names: list[str] = []
    for part in (*at, *more):
        if isinstance(part, int):
            of = f" of `{'.'.join(names)}`" if names else ""
            groups.append(f"item {part + 1}{of}")
            names = []
        else:
            names.append(plain(part))
    items = ", ".join(groups)
    if not names:
        return items
    name = f"{before}`{'.'.join(names)}`"
    return f"{items}: {name}" if items else name


def _value(value: object, json_words: bool) -> str:
    """A wrong value in the words of the file's language, short enough for a message."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() if abs(value) >= 10**_LONGEST_SHOWN:
            return f"a number of more than {_LONGEST_SHOWN} digits"
        case int() | float():
            return repr(value)
        case str():
            return f'"{plain(value)}"'
        case dict():
            return "an object" if json_words else "a table"
        case list():
            return f"a list of {len(value)} item{'s' * (len(value) != 1)}"
        case datetime.date() | datetime.time():
            return f"the date or time {value.isoformat()}"
        case _:
            return "of another kind"


def wanted(kind: Any, json_words: bool) -> str:
    """What a value of that type may be, in words.

    json_words: whether in the words of JSON, or else of TOML, which has no null.
    """
    bare, metas = _bare(kind)
    for meta in metas:
        if meta.description:
            return meta.description
    if typing.get_origin(bare) in (typing.Union, types.UnionType):
        options = [a for a in typing.get_args(bare) if json_words or a is not type(None)]
        return " or ".join(wanted(option, json_words) for option in options)
    if typing.get_origin(bare) is typing.Literal:
        return _one_of(typing.get_args(bare))
    if isinstance(bare, type) and issubclass(bare, enum.Enum):
        return _one_of([member.value for member in bare])
    if typing.get_origin(bare) is dict or _is_struct(bare):
        return "an object" if json_words else "a table"
    if typing.get_origin(bare) in (tuple, list):
        arguments = typing.get_args(bare)
        fixed = typing.get_origin(bare) is tuple and arguments[-1] is not Ellipsis
        return f"a list of {len(arguments)} items" if fixed else f"a list{_length(metas, 'items')}"
    names = {
        bool: "true or false", int: f"a whole number{_range(metas)}",
        float: f"a number{_range(metas)}", str: f"text{_length(metas, 'characters')}",
        type(None): "null",
    }  # fmt: skip
    return names.get(bare, "of another kind")


def _one_of(values: typing.Iterable[object]) -> str:
    shown = [f'"{value}"' if isinstance(value, str) else str(value) for value in values]
    return shown[0] if len(shown) == 1 else f"one of: {', '.join(shown)}"


def _range(metas: list[msgspec.Meta]) -> str:
    """The bounds of a number, in words."""
    low = next((m.ge if m.ge is not None else m.gt for m in metas if _bounded(m.ge, m.gt)), None)
    high = next((m.le if m.le is not None else m.lt for m in metas if _bounded(m.le, m.lt)), None)
    above = any(m.gt is not None for m in metas)
    below = any(m.lt is not None for m in metas)
    if low is not None and high is not None:
        if above:
            return f" above {low:,} and {'below' if below else 'at most'} {high:,}"
        return f" from {low:,} to {'below ' if below else ''}{high:,}"
    if low is not None:
        return f" above {low:,}" if above else f" of at least {low:,}"
    if high is not None:
        return f" below {high:,}" if below else f" of at most {high:,}"
    return ""


def _bounded(*limits: float | None) -> bool:
    return any(limit is not None for limit in limits)


def _length(metas: list[msgspec.Meta], what: str) -> str:
    """The bounds of a length, in words."""
    least = next((m.min_length for m in metas if m.min_length is not None), None)
    most = next((m.max_length for m in metas if m.max_length is not None), None)
    if least and most:
        return f" of {least:,} to {most:,} {what}"
    if least:
        return f" of at least {least:,} {what}"
    return "" if most is None else f" of at most {most:,} {what}"
