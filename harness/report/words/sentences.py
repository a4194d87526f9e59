"""Parts of sentences: a capital at the begin, and several names."""

from collections.abc import Sequence


def capital(text: str) -> str:
    """The text with its first letter as a capital."""
    return text[:1].upper() + text[1:]


def listed(names: Sequence[str]) -> str:
    """Several names in a sentence: `a, b and c`."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
