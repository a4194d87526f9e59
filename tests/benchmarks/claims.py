"""How long `bridgetoll claims` takes over the kept runs: anew, and with kept judgements.

Usage: `uv run python -m tests.benchmarks.claims [ROUNDS]`. Cold and warm calls alternate, each a
process of its own with a cache of its own; the medians are compared. The peer of both is
`bridgetoll --version`, which starts, imports nothing of the analysis, and ends.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMAND = [sys.executable, "-m", "harness.cli"]
_WARM_PER_ROUND = 5


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    cold: list[float] = []
    warm: list[float] = []
    bare: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "cache"
        for _ in range(rounds):
            shutil.rmtree(cache, ignore_errors=True)
            cold.append(_took_s(cache, "claims"))
            for _ in range(_WARM_PER_ROUND):
                warm.append(_took_s(cache, "claims"))
                bare.append(_took_s(cache, "--version"))
    medians = [statistics.median(times) for times in (cold, warm, bare)]
    cold_s, warm_s, bare_s = medians
    print(
        f"cold {cold_s:.1f} s ({min(cold):.1f} to {max(cold):.1f}), "
        f"warm {warm_s:.2f} s ({min(warm):.2f} to {max(warm):.2f}), "
        f"start alone {bare_s:.2f} s: cold takes {cold_s / warm_s:.1f} times as long as warm, "
        f"warm {warm_s / bare_s:.1f} times as long as the start alone"
    )


def _took_s(cache: Path, *arguments: str) -> float:
    began = time.perf_counter()
    done = subprocess.run(
        [*COMMAND, *arguments],
        env=os.environ | {"BRIDGETOLL_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    took_s = time.perf_counter() - began
    if done.returncode != 0:
        sys.exit(f"{' '.join(arguments)} failed: {done.stderr[-500:]}")
    return took_s


if __name__ == "__main__":
    main()
