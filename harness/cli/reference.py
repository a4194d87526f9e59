"""Pages of the docs that are made of the code and of `shared/`, so that they cannot fall behind.

After a change to a check, a key of a study or the vocabulary, `python -m harness.cli.reference`
writes them anew.
"""

import inspect
import re
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

from harness.audit.verify import checks, explanations
from harness.base.decode import wanted
from harness.base.files import replace
from harness.base.workspace import Workspace
from harness.inputs.contract import Contract
from harness.inputs.factors import Factor, vocabulary
from harness.inputs.servers import load_servers
from harness.inputs.study import Study

COMMAND = "uv run python -m harness.cli.reference"
_HEAD = f"<!-- Made by `{COMMAND}`; change the code, not this page. -->\n"


def factors_page() -> str:
    """Every factor and tag that a manifest may have."""
    words = vocabulary()
    own = {name: factor for name, factor in words.factors.items() if factor.elsewhere is None}
    others = {name: f for name, f in words.factors.items() if f.elsewhere is not None}
    factors = _table(
        ["factor", "meaning", "values", "if missing"],
        ([f"`{name}`", f.meaning, _values(f), _usual(f)] for name, f in own.items()),
    )
    made = _table(
        ["factor", "meaning", "no manifest names it, because"],
        ([f"`{name}`", factor.meaning, factor.elsewhere or ""] for name, factor in others.items()),
    )
    servers, _ = load_servers(Workspace().shared / "servers.toml")
    knobs = _table(
        ["server", "knob", "values", "default"],
        (
            [
                f"`{server}`",
                f"`{name}`",
                ", ".join(f"`{v}`" for v in knob.values),
                f"`{knob.default}`",
            ]
            for server, entry in servers.items()
            for name, knob in entry.knobs.items()
        ),
    )
    tags = _table(["tag", "says of a variant"], ([f"`{t}`", w] for t, w in words.tags.items()))
    return f"""{_HEAD}
# Factors and tags

A manifest names its variants' factors and tags by these words only. Two variants that differ in
exactly one factor form a contrast ([why variants differ](causes.md)), so two folders must spell the
same thing alike. Add a line to [shared/factors.toml](../shared/factors.toml) before a manifest uses
a new word, such as a data layer. The report takes its words from there too.

{factors}
## Factors that come from elsewhere

{made}
A study's setups also make factors of the releases of packages, of environment variables, and of the
server's knobs, which stand in [shared/servers.toml](../shared/servers.toml):

{knobs}
## Tags

{tags}"""


def _values(factor: Factor) -> str:
    if factor.any:
        return "any text"
    if factor.least is not None and factor.most is not None:
        return f"a whole number from {factor.least:,} to {factor.most:,}"
    return "<br>".join(f"`{value}`: {title}" for value, title in factor.values.items())


def _usual(factor: Factor) -> str:
    return "it does not apply" if factor.usual is None else f"`{factor.usual}`"


def contract_page() -> str:
    """Every check of `verify`."""
    told, version = explanations(), Contract(Workspace()).version
    rows = (
        [f"`{name.replace(' ', '-')}`", " ".join([sentence, *told.get(name, ())])]
        for name, sentence in checks().items()
    )
    return f"""{_HEAD}
# What `verify` checks

What every implementation serves stands in [openapi.yaml](../shared/contract/openapi.yaml),
version {version}, and what a request does to the database in
[effects.toml](../shared/contract/effects.toml). `bridgetoll verify` starts a variant on two
servers: one with a short loop in `/cpu`; one with a long loop, with a relay to the database, and
with the audit's instrument inside. It then runs these checks in this order. One alone:
`bridgetoll verify VARIANT --check NAME`.

{_table(["check", "what it checks"], rows)}
Hops, threads and connections of one request are not the contract's but the manifest's:
`bridgetoll audit` counts them ([how](causes.md#the-audit))."""


class _Part(NamedTuple):
    """A table of a study: how TOML spells it, and its record."""

    heading: str
    kind: type[msgspec.Struct]


def studies_page() -> str:
    """Every key of a study."""
    parts = "\n".join(_section(part) for part in _parts("", Study))
    return f"""{_HEAD}
# Every key of a study

A study is a TOML file: in `shared/studies/`, or anywhere else by its path. An unknown key is
refused with the nearest known one, and a wrong value with what is allowed.
[Inputs](inputs.md) tells which names and sizes are accepted. Copy
[quick](../shared/studies/quick.toml). `bridgetoll plan my-study.toml` says what a study would do,
and how long it would take.

{parts}"""


def records(kind: type[msgspec.Struct]) -> list[type[msgspec.Struct]]:
    """A record and those within it."""
    return [part.kind for part in _parts("", kind)]


def _parts(path: str, kind: type[msgspec.Struct]) -> Iterator[_Part]:
    """A record and those within it, each once, by the first key that leads to it."""
    yield _Part(path, kind)
    for field in msgspec.structs.fields(kind):
        many, inner, named = _inner(field.type)
        if inner is not None:
            key = f"{path.strip('[]')}.{field.encode_name}".removeprefix(".")
            key = f'{key}."NAME"' if named else key
            yield from _parts(f"[[{key}]]" if many else key, inner)


def _inner(kind: Any) -> tuple[bool, type[msgspec.Struct] | None, bool]:
    """The record within a type: whether a list holds it, the record, whether names lead to it."""
    if hasattr(kind, "__metadata__"):
        kind = kind.__origin__
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return False, kind, False
    if origin in (types.UnionType, typing.Union):
        return next((found for a in arguments if (found := _inner(a))[1]), (False, None, False))
    if origin is tuple:
        return True, _inner(arguments[0])[1], False
    if origin is dict:
        return False, _inner(arguments[1])[1], True
    return False, None, False


def _section(part: _Part) -> str:
    meanings = meanings_of(part.kind)
    name = part.heading
    shown = "The study itself" if not name else f"`{name}`" if name[0] == "[" else f"`[{name}]`"
    rows = (
        [f"`{f.encode_name}`", wanted(f.type, False), _default(f), meanings[f.encode_name]]
        for f in msgspec.structs.fields(part.kind)
    )
    table = _table(["key", "value", "if missing", "meaning"], rows)
    return f"## {shown}\n\n{_paragraphs(part.kind)[0]}\n\n{table}"


def meanings_of(kind: type[msgspec.Struct]) -> dict[str, str]:
    """What a record's docstring says of each field: `name: text`, or `one, other: text`."""
    names = [field.encode_name for field in msgspec.structs.fields(kind)]
    one = "|".join(names)
    found: dict[str, str] = {}
    for paragraph in _paragraphs(kind)[1:]:
        parts = re.split(rf"(?:^|(?<=[.;] ))((?:{one})(?:, (?:{one}))*): ", paragraph)
        for at in range(1, len(parts), 2):
            text = parts[at + 1].strip()
            found |= dict.fromkeys(parts[at].split(", "), text[0].upper() + text[1:])
    return found


def _paragraphs(kind: type[msgspec.Struct]) -> list[str]:
    text = inspect.cleandoc(kind.__doc__ or "")
    return [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]


def _default(field: Any) -> str:
    if field.required:
        return "needed"
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    if isinstance(value, msgspec.Struct):
        return "its defaults"
    match value:
        case None | () | {}:
            return "none"
        case bool():
            return f"`{str(value).lower()}`"
        case str():
            return f'`"{value}"`'
    return f"`{value:,}`".replace(",", "_")


def _table(heads: list[str], rows: typing.Iterable[list[str]]) -> str:
    """A table of Markdown; a bar within a cell is escaped."""
    lines = [heads, ["---"] * len(heads), *rows]
    escaped = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in escaped)


PAGES: dict[str, Callable[[], str]] = {
    "factors": factors_page, "contract": contract_page, "studies": studies_page,
}  # fmt: skip
"""By name of the file in `docs/`: the page."""


def page_text(name: str) -> str:
    """A page as its file's text."""
    return PAGES[name]().rstrip("\n") + "\n"


def main() -> None:
    """Write all of them to `docs/` of this checkout."""
    for name in PAGES:
        replace(Workspace().root / "docs" / f"{name}.md", page_text(name).encode())


if __name__ == "__main__":
    main()
