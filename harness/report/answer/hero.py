"""The pictures of a report's first screen, one for each choice of endpoint and measure."""

from typing import Any

import msgspec


class Hero(msgspec.Struct, frozen=True):
    """A picture that answers a run's question, and what it shows.

    figure: as `Figures.add` returns it.
    condition: its name, where the picture is of one; of a sweep its last, which the headline tells.
    endpoint: what was requested; None where the picture is of several.
    measure: what is compared; None where the picture is of several.
    narrow: the same for a phone, of which the other would be unreadable; None if it is not needed.
    live: whether it is a dot plot, which the page draws anew as its controls say.
    """

    figure: dict[str, Any]
    condition: str | None = None
    endpoint: str | None = None
    measure: str | None = None
    narrow: dict[str, Any] | None = None
    live: bool = False
