"""Labels beside marks: cut into lines, and spread so that none covers another."""

import re
from collections.abc import Sequence

import msgspec

_JOINT = re.compile(r"(?<=[/\-_ .])")
"""Names break after these."""
_ELLIPSIS = "…"
_WIDE = 0.58
"""Width of an average letter of Vega's sans-serif, by its size."""


class Slot(msgspec.Struct, frozen=True):
    """What a label needs.

    wish: where its middle would best be, in pixels. height: of all its lines.
    """

    wish: float
    height: float


def width_of(text: str, size: float) -> float:
    """About how wide a text is, in pixels."""
    return len(text) * size * _WIDE


def shortened(text: str, most: int) -> str:
    """The text without its middle, if it has more characters."""
    if len(text) <= most:
        return text
    tail = (most - 1) // 2
    return f"{text[: most - 1 - tail]}{_ELLIPSIS}{text[len(text) - tail :]}"


def in_lines(text: str, most: int, lines: int) -> list[str]:
    """The text in lines of so many characters; its middle is left out if these are too few."""
    found = _broken(text, most)
    length = most * lines
    while len(found) > lines and length > 1:
        found = _broken(shortened(text, length), most)
        length -= 1
    return found


def _broken(text: str, most: int) -> list[str]:
    found = [""]
    for part in _JOINT.split(text):
        if found[-1] and len(found[-1]) + len(part.rstrip()) > most:
            found.append("")
        found[-1] += part
        while len(found[-1].rstrip()) > most:
            found[-1], rest = found[-1][:most], found[-1][most:]
            found.append(rest)
    return [line.strip() for line in found if line.strip()]


def spread(slots: Sequence[Slot], top: float, bottom: float) -> list[float]:
    """The middles of labels, as near to their wishes as they fit without covering each other.

    Labels that would meet form a cluster, which stands about the mean of their wishes. Clusters
    that meet are merged, as in the pool-adjacent-violators algorithm (Ayer et al. 1955).

    Args:
        slots: in any order.
        top, bottom: of the room, in pixels. Labels too many for it go on below.
    """
    order = sorted(range(len(slots)), key=lambda at: slots[at].wish)
    clusters: list[tuple[list[int], float]] = []
    for at in order:
        clusters.append(([at], _start([at], slots, top, bottom)))
        while len(clusters) > 1 and _end(clusters[-2], slots) > clusters[-1][1]:
            (later, _), (earlier, _) = clusters.pop(), clusters.pop()
            members = earlier + later
            clusters.append((members, _start(members, slots, top, bottom)))
    found = [0.0] * len(slots)
    for members, begin in clusters:
        for at in members:
            found[at] = begin + slots[at].height / 2
            begin += slots[at].height
    return found


def _start(members: Sequence[int], slots: Sequence[Slot], top: float, bottom: float) -> float:
    """Where a cluster begins, so that its labels are as near to their wishes as possible."""
    offset, starts = 0.0, []
    for at in members:
        starts.append(slots[at].wish - offset - slots[at].height / 2)
        offset += slots[at].height
    return max(top, min(sum(starts) / len(starts), bottom - offset))


def _end(cluster: tuple[list[int], float], slots: Sequence[Slot]) -> float:
    members, begin = cluster
    return begin + sum(slots[at].height for at in members)
