"""Looks that are made again, because now and then a busy machine spoils one."""

from collections.abc import Callable


def until_quiet[T](look: Callable[[], T], quiet: Callable[[T], bool], most: int = 10) -> T:
    """Look again until it is as on a quiet machine; the last look where it never is."""
    for _ in range(most - 1):
        seen = look()
        if quiet(seen):
            return seen
    return look()
