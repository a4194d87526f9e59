"""What a request costs, by entry and block, with the machine's noise taken out of every slice.

A server's own cost is uneven: one slice in ten may hold a full garbage collection that costs as
much as a hundred requests. The mean of logarithms would count that wrongly, and neighbours would
take it for the machine's noise. So least squares serve only to find the noise that slices share
(see `gls`), from values in which outliers are cut back; each slice is cleared of it, and a cost is
then what a long run would give: the sum of all slices over the sum of their requests.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from harness.analysis.noise.correlation import Floats, Memory
from harness.analysis.noise.gls import Fit, Series, fit, shared_noise

_CUT = 3.0
"""Standard deviations beyond which a residual is the entry's own event, not noise (Huber 1964)."""
_NORMAL = 1.4826
"""From the median absolute deviation to the standard deviation of a normal distribution."""


def costs(
    blocks: Sequence[Series], requests: Sequence[Floats], memory: Memory | None = None
) -> Fit:
    """Estimate the logarithm of every entry's cost per request in every block.

    Args:
        blocks: one series each, of the logarithm of cost per request.
        requests: likewise, (n,) how many each slice had.
        memory: of the noise, where it is known; fitted if None.

    Returns:
        The fit of the calmed values, with the costs in the place of its means.
    """
    rough = fit(blocks, memory)
    calmed = [
        _calmed(block, means, rough) for block, means in zip(blocks, rough.means, strict=True)
    ]
    smooth = fit(calmed, memory)
    found = [
        _sums(block, calm, counts, means, smooth)
        for block, calm, counts, means in zip(blocks, calmed, requests, smooth.means, strict=True)
    ]
    return msgspec.structs.replace(smooth, means=tuple(found))


def _calmed(block: Series, means: dict[int, float], rough: Fit) -> Series:
    """Residuals that stand out are cut back to where noise ends."""
    if block.value.size == 0:
        return block
    expected = np.array([means[int(entry)] for entry in block.entry])
    if block.covariate is not None and rough.slope is not None:
        expected = expected + rough.slope * block.covariate
    residual = block.value - expected
    middle = float(np.median(residual))
    limit = _CUT * _NORMAL * float(np.median(np.abs(residual - middle)))
    cut = np.clip(residual, middle - limit, middle + limit)
    return msgspec.structs.replace(block, value=expected + cut)


def _sums(
    block: Series, calm: Series, requests: Floats, means: dict[int, float], smooth: Fit
) -> dict[int, float]:
    """By entry, the logarithm of cleared cost over requests; nothing of entries without any."""
    if block.value.size == 0:
        return {}
    noise = shared_noise(calm, means, smooth.slope, smooth.memory)
    spent = requests * np.exp(block.value - noise)
    totals = {
        entry: (
            float(spent[block.entry == entry].sum()),
            float(requests[block.entry == entry].sum()),
        )
        for entry in means
    }
    return {e: float(np.log(cost / count)) for e, (cost, count) in totals.items() if count > 0}
