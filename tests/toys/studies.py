"""Studies as people may write them: mostly sound, some at the edge of what is allowed, some beyond.

A generated study is the text of a TOML file. Strategies draw each part from values that are usual,
from the edges of ranges, and rarely from what is no value at all.
"""

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from harness.inputs.contract import ENDPOINTS

type Table = dict[str, Any]

JUNK: list[object] = [
    0, -1, 1, 2**31, 2**32 - 1, 2**32, 2**63, 10**20, -(10**20), 0.0, -0.0, 0.5, 1e-300, 1e300,
    float("nan"), float("inf"), True, "", " ", "a\nb", "é", "x" * 500, "../x", "-x", "\x7f", [],
    {}, [[]], {"a": {"b": 1}}, [1, "a"], "2026-01-01", "\u202e",
]  # fmt: skip
"""Values that most keys do not take."""
NAMES = ["tiny", "my study", "-x", "A", "a.b", "x" * 60, "x" * 61, "é", "a_b-c.d", "..", "a..b"]
"""Stems of a study's file."""


def toml_text(table: Table) -> str:
    """A table as the text of a TOML file, a line for each key."""
    return "".join(f"{_key(key)} = {_value(value)}\n" for key, value in table.items())


def _key(key: str) -> str:
    return json.dumps(key, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: object) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_value, value)) + "]"
        case bool():
            return "true" if value else "false"
        case str():
            return _key(value)
        case _:
            return repr(value)


def _some(usual: st.SearchStrategy[Any], *edges: object) -> st.SearchStrategy[Any]:
    """Three times out of four a usual value, else one at an edge."""
    return st.one_of(usual, usual, usual, st.sampled_from(edges)) if edges else usual


def _table(**optional: Any) -> st.SearchStrategy[Table]:
    """A table with some of these keys, whose values are strategies."""
    return st.fixed_dictionaries({}, optional=optional)


def _objectives() -> st.SearchStrategy[Table]:
    return _table(
        latency_ms=_some(st.floats(5, 5_000), 0.001, 86_400, 100),
        percentile=_some(st.floats(50, 99), 1, 99.99),
        errors=_some(st.just(0.01), 0, 0.999),
        achieved=_some(st.just(0.9), 1, 1e-9),
    )


_LATENCIES = _table(
    database_ms=_some(st.floats(0, 200), 0, 1e-300, 9_999.5),
    client_ms=_some(st.floats(0, 200), 0, 10_000),
)


@st.composite
def _conditions(draw: st.DrawFn, ramped: bool) -> Table:
    """One condition; in slices, in windows, or in an open loop."""
    made: Table = {"endpoint": draw(st.sampled_from(ENDPOINTS))}
    made["connections"] = draw(_some(st.integers(1, 64), 1, 60_000))
    made["rows"] = draw(_some(st.integers(0, 2_000), 0, 1, 10_000_000))
    kind = "slices" if ramped else draw(st.sampled_from(["slices", "window", "open"]))
    if kind != "slices":
        made["window_s"] = draw(_some(st.floats(0.5, 20), 0.5, 0.500000001, 3_600))
        made["windows"] = draw(_some(st.integers(1, 3), 1, 1_000))
        if draw(st.booleans()):
            made["beside"] = {"endpoint": draw(st.sampled_from(ENDPOINTS)), "connections": 2}
    if kind == "open":
        loop = draw(st.sampled_from(["rate", "share", "objective"]))
        values = {
            "rate": _some(st.floats(10, 2_000), 1_000_000),
            "share": _some(st.floats(0.1, 1.5), 0.01, 2),
            "objective": _objectives(),
        }
        made[loop] = draw(values[loop])
        made["arrivals"] = draw(st.sampled_from(["poisson", "constant"]))
    if (kind != "slices" or ramped) and draw(st.booleans()):
        made["latency"] = draw(_LATENCIES)
    return made


@st.composite
def studies(draw: st.DrawFn, variants: Sequence[str], pairs: Sequence[tuple[str, str]]) -> Table:
    """A study as a table; `toml_text` makes a file of it.

    Args:
        draw: of hypothesis.
        variants: that there are.
        pairs: of variants that differ in one factor.
    """
    of, to = draw(st.sampled_from(pairs))
    others = draw(st.lists(st.sampled_from(variants), max_size=2, unique=True))
    chosen = list(dict.fromkeys((of, to, *others)))
    ramped = draw(st.sampled_from([False, False, False, True]))
    conditions = draw(st.lists(_conditions(ramped), min_size=1, max_size=3, unique_by=str))
    groups: Table = {}
    for name, condition in zip(("few", "a-b.c"), conditions[1:], strict=False):
        if not ramped and draw(st.booleans()):
            condition["group"], groups[name] = (
                name,
                draw(st.sampled_from([chosen[:1], chosen[-2:]])),
            )
    load = draw(
        _table(
            slice_s=_some(st.just(0.1), 0.01, 60),
            rounds=_some(st.integers(1, 4), 1, 10_000),
            warmup_s=_some(st.just(0.3), 0.001, 86_400),
            timeout_s=_some(st.just(30.0), 10, 86_400),
            samples_per_s=_some(st.just(10), 0, 100),
            keep_requests=st.booleans(),
        )
    )
    if ramped:
        load = {"engine": "locust", "ramp": draw(
            _table(per_s=_some(st.floats(1, 50), 0.01, 10_000),
                   hold_s=_some(st.floats(1, 20), 0.001, 86_400)))}  # fmt: skip
    study: Table = {
        "title": draw(_some(st.just("A study"), "x", "é 漢 <b>|*_`", "x" * 300)),
        "question": draw(_some(st.just("Why?"), "`", "[a](b)", "=1+1")),
        "variants": chosen,
        "baseline": chosen[0],
        "blocks": draw(_some(st.integers(1, 3), 1, 500)),
        "seed": draw(_some(st.integers(0, 2**32 - 1), 0, 2**32 - 1)),
        "conditions": conditions,
        "load": load,
        "server": draw(
            _table(
                threads=_some(st.integers(1, 16), 1, 60),
                pool_size=_some(st.integers(1, 16), 60),
                pool_timeout_s=_some(st.just(5.0), 0.001, 86_400),
                cpu_iterations=_some(st.integers(1, 10**6), 1, 10**9),
                wait_ms=_some(st.integers(0, 200), 0, 29_999),
            )
        ),
        "database": draw(_table(max_connections=_some(st.just(1_000), 500, 10_000))),
    }
    if groups:
        study["groups"] = groups
    if not ramped:
        study |= draw(
            _table(
                reruns=_some(st.integers(0, 2), 10_000),
                fresh=st.sampled_from(["block", "condition"]),
                contrasts=st.just([{"name": "c", "title": "t", "of": of, "to": to}]),
                waterfalls=st.just([{"title": "t", "steps": [of, to]}]),
                stopping=_table(budget_s=_some(st.just(600.0), 0.001, 86_400)),
            )
        )
    elif draw(st.booleans()):
        name = f"{of.partition('/')[0]}/mine"
        study["setups"] = {name: {"variant": of, "max_connections": draw(st.integers(10, 50))}}
        study["variants"] = [*chosen, name]
    return study


@st.composite
def spoilt(draw: st.DrawFn, sound: st.SearchStrategy[Table]) -> Table:
    """A table of which one value, at any depth, is another or gone, or a key has another name."""
    table = draw(sound)
    inner: Any = table
    while True:
        keys = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
        key = draw(st.sampled_from(keys))
        deeper = inner[key]
        if isinstance(deeper, dict | list) and deeper and draw(st.booleans()):
            inner = deeper
            continue
        what = draw(st.sampled_from(["replace", "replace", "replace", "remove", "rename"]))
        if what == "replace":
            inner[key] = draw(st.sampled_from(JUNK))
        elif what == "rename" and isinstance(inner, dict):
            inner[draw(st.sampled_from(["x", "a b", "a\nb", "\x1b", f"{key}s"]))] = inner.pop(key)
        else:
            del inner[key]
        return table
