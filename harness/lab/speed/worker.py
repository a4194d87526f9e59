"""The probe's process: times a fixed piece of arithmetic, sleeps, and repeats."""

import os
import sys
import time

from harness.lab.speed.probe import READING

PERIOD_S = 0.01
_BITS = 521
_MODULUS = (1 << _BITS) - 1
_BASE = _MODULUS // 3
_EXPONENT = _MODULUS >> 300
"""About a quarter of a millisecond: many short pieces show more of a core's changes than few long
ones (docs/calibration.md)."""
_WARM_EXPONENT = _MODULUS >> 460
"""Before each timing, a short run of the same code over the same data brings both into the core's
nearest caches. A server that fills the caches must not slow the probe: the analysis would take a
part of that server's own cost for noise of the machine."""


def main() -> None:
    """Run until the harness ends it."""
    clock = time.CLOCK_PROCESS_CPUTIME_ID
    while True:
        time.sleep(PERIOD_S)
        pow(_BASE, _WARM_EXPONENT, _MODULUS)
        before = time.clock_gettime_ns(clock)
        pow(_BASE, _EXPONENT, _MODULUS)
        used = time.clock_gettime_ns(clock) - before
        os.write(sys.stdout.fileno(), READING.pack(time.monotonic_ns(), used))


if __name__ == "__main__":
    main()
