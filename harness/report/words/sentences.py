"""Sentences and their parts: a capital at the begin, several names, the length."""

from collections.abc import Sequence

MOST_WORDS = 20
"""Of a sentence. The name of a variant is one word."""


def capital(text: str) -> str:
    """The text with its first letter as a capital."""
    return text[:1].upper() + text[1:]


def listed(names: Sequence[str], word: str = "and") -> str:
    """Several names in a sentence: `a, b and c`, or by another word; empty without any."""
    *others, last = names or ("",)
    return f"{', '.join(others)} {word} {last}" if others else last


def brief_enough(sentence: str) -> bool:
    """Whether it is read at a glance."""
    return len(sentence.split()) <= MOST_WORDS
