"""Shares of 1 as they are typed: in per cent, or as a number."""

import math

from harness.base.errors import UsageError


def share(text: str, option: str) -> float:
    """A share from 0 to below 1.

    Raises:
        UsageError: it is none.
    """
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = math.nan
    if not 0 <= value < 1:  # and so for what is no number
        raise UsageError(f"{option}: `{text}` is no share from 0% to below 100%; write 5% or 0.05.")
    return value
