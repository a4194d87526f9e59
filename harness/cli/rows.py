"""Which rows and columns of a ranking fit a terminal, and how their cells are written."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from harness.inputs.study import Condition

MOST_ROWS = 12
"""Of a table; the report has all."""
_CUT = "…"


def shortened(name: str, width: int) -> str:
    """A name of at most so many characters; its middle is left out, because its ends tell more."""
    if len(name) <= width:
        return name
    head = (width - 1) // 2
    return f"{name[:head]}{_CUT}{name[len(name) - (width - 1 - head) :]}"


def cut(text: str, width: int) -> str:
    """The begin of a text, on one line, with `…` where something is left out."""
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: max(width, 1) - 1]}{_CUT}"


def spread(ranking: Sequence[str], baseline: str) -> list[str]:
    """The variants by how much a reader misses them, where not all fit.

    The baseline, the first, the last, and the best of every framework come before other good ones.
    """
    frameworks: dict[str, str] = {}
    for name in ranking:
        frameworks.setdefault(name.partition("/")[0], name)
    wanted = dict.fromkeys((baseline, ranking[0], ranking[-1], *frameworks.values(), *ranking))
    return [name for name in wanted if name in ranking]


def chosen(ranking: Sequence[str], wanted: Sequence[str], most: int = MOST_ROWS) -> list[str]:
    """The variants that a table shows, in the order of the ranking.

    Args:
        ranking: all, from best to worst.
        wanted: all, those first that must not be left out.
        most: rows.
    """
    kept = set(wanted[:most])
    return [name for name in ranking if name in kept]


def left_out(count: int) -> str:
    """How many rows are left out, and where they are; empty without any."""
    if not count:
        return ""
    return f"{count} more variant{'s' if count > 1 else ''}: see the report."


def tie_letters(letters: str) -> str:
    """The letters of a variant, where neighbours in the alphabet become a range: `b-f`."""
    apart = all(ord(after) - ord(before) == 1 for before, after in pairwise(letters))
    return f"{letters[0]}-{letters[-1]}" if len(letters) > 2 and apart else letters


def column_titles(conditions: "Sequence[Condition]") -> list[str]:
    """What tells conditions of one endpoint apart, each as the head of a narrow column."""
    titles = _told_apart([_differences(condition) for condition in conditions])
    if len(set(titles)) < len(titles):
        windows = [f"{condition.window_s or 0:g} s" for condition in conditions]
        titles = [f"{title}\n{s}".strip() for title, s in zip(titles, windows, strict=True)]
    return titles


def _told_apart(told: Sequence[tuple[str, ...]]) -> list[str]:
    differing = [len(set(parts)) > 1 for parts in zip(*told, strict=True)]
    return [
        "\n".join(part for part, differs in zip(parts, differing, strict=True) if differs and part)
        or "+0 ms"
        for parts in told
    ]


def _differences(condition: "Condition") -> tuple[str, ...]:
    legs = {} if condition.latency is None else condition.latency.legs
    return (
        _load(condition),
        f"{condition.rows:,} rows",
        *(f"+{legs[leg]:g} ms {word}" if legs.get(leg) else "" for leg, word in _LEGS.items()),
        "alone" if condition.beside is None else f"with {condition.beside.endpoint}",
        "" if condition.workers is None else _workers(condition.workers),
    )


_LEGS: dict[Literal["database", "client"], str] = {"database": "db", "client": "client"}


def _workers(count: int) -> str:
    return f"{count} worker{'' if count == 1 else 's'}"


def _load(condition: "Condition") -> str:
    if condition.rate is not None:
        return f"{condition.rate:g}/s"
    if condition.share is not None:
        return f"{condition.share:.0%} load"
    if condition.objective is not None:
        return f"≤ {condition.objective.latency_ms:g} ms"
    return f"{condition.connections:,} conn."


def load_of(condition: "Condition") -> tuple[float, ...]:
    """By which the columns of one endpoint ascend."""
    legs = () if condition.latency is None else condition.latency.legs.values()
    return (
        sum(legs), condition.beside is not None, condition.rate or 0, condition.share or 0,
        condition.connections, condition.rows, condition.workers or 0,
    )  # fmt: skip
