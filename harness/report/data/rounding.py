"""Numbers as a page's script gets them."""

import math


def rounded(value: float | None, digits: int) -> float | None:
    """A number with so many significant digits; None for one that is not finite."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{digits}g}")
