"""Names that people choose. Files, folders, addresses and columns are named after them."""

import re

from harness.base.errors import plain

_SLUG = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*")
LONGEST = 60
"""Characters of a name that has no other limit."""
LONGEST_VARIANT = 80
"""Characters of `folder/variant`. With a condition's name, of 135 at most, and the numbers of
block and attempt it is the name of a file, which has 255 at most."""


def name_problem(name: str, longest: int = LONGEST) -> str | None:
    """Why `name` cannot be used, with one that can; None if it can.

    Lower case alone, because folders that differ in case alone are one on some systems.
    """
    if len(name) > longest:
        return f"has {len(name)} characters, and at most {longest} are allowed; shorten it"
    if _SLUG.fullmatch(name):
        return None
    words = re.sub(r"[^a-z0-9._-]+", "-", name.lower())
    better = re.sub(r"[-_.]*([-_.])", r"\1", words).strip("-_.")
    return (
        f"is no name: `{plain(name)}` may have lower-case letters and digits, with single `-`, `_` "
        f"or `.` between them; call it e.g. `{better or 'mine'}`"
    )
