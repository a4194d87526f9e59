"""Dotted names and paths in little room."""

_CUT = "…"
_LIST = ", "
_LOCAL = "<locals>"


def short_name(name: str, width: int) -> str:
    """A dotted name in at most so many characters, cut in the middle.

    The class, and whatever follows it, stays whole, even where that alone is wider. Of a name
    without a class the last part stays, and of a local function the one that it is made in. Of
    several names, between commas, the last parts stay.
    """
    if len(name) <= width:
        return name
    if _LIST in name:
        return _short_list(name.split(_LIST), width)
    parts = name.split(".")
    first = _first_whole(parts)
    outer, whole = parts[:first], ".".join(parts[first:])
    for kept in range(len(outer) - 1, -1, -1):
        inner = [*outer[len(outer) - kept :], whole]
        if len(tried := ".".join([outer[0], _CUT, *inner])) <= width:
            return tried
    cut = f"{_CUT}.{whole}"
    return cut if outer and len(cut) <= width else whole


def _short_list(names: list[str], width: int) -> str:
    """Several names, each by its last part; where that is too wide, how many more than the first.

    Receivers of a signal are told so.
    """
    last = [name.rpartition(".")[2] for name in names]
    text = _LIST.join(last)
    return text if len(text) <= width else f"{last[0]} and {len(last) - 1} more"


def short_path(path: str, width: int) -> str:
    """A path in at most so many characters, without its first folders; the file stays whole."""
    parts = path.split("/")
    while len(path) > width and len(parts) > 1:
        parts = parts[1:]
        path = "/".join([_CUT, *parts])
    return path


def _first_whole(parts: list[str]) -> int:
    """Where the class begins, or the function."""
    for index, part in enumerate(parts):
        if part.lstrip("_")[:1].isupper():
            return index
    if _LOCAL in parts[1:]:
        return parts.index(_LOCAL, 1) - 1
    return len(parts) - 1
