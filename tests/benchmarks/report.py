"""How long a report of 2,000 trials takes, how large its page is, and how soon it can be used.

Usage: `uv run python -m tests.benchmarks.report [TRIALS]`. The trials are made up, with histograms,
so that nothing has to be measured for weeks; the page is opened from disk in Debian's Chromium. The
peer is the same number of trials read from disk and decoded, without any analysis.
"""

import math
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

import msgspec
from playwright.sync_api import sync_playwright

from harness.inputs.study import Condition
from harness.records.run import Run
from harness.records.store import Store
from harness.records.trial import Trial
from harness.report.write import write_report
from tests.toys.runs import histogram, make_run, make_study, simulate

VARIANTS = tuple(f"v{at}/stack" for at in range(11))
BLOCKS = 12
MIB = 1024


def main() -> None:
    """Measure and print."""
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    conditions = max(1, round(wanted / BLOCKS / (len(VARIANTS) + 1)))
    with tempfile.TemporaryDirectory() as folder:
        store = _made(Path(folder), conditions)
        began = time.perf_counter()
        count = len(store.trials()[0])
        read_s = time.perf_counter() - began
        began = time.perf_counter()
        page = write_report(store).page
        took_s = time.perf_counter() - began
        peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB
        print(
            f"{count:,} trials: report {took_s:.1f} s, {took_s / read_s:.1f} times as long as "
            f"reading them ({read_s:.1f} s); peak {peak_mib:,.0f} MiB; page "
            f"{page.stat().st_size / 1e6:.1f} MB, usable after {_usable_s(page):.1f} s"
        )


def _made(folder: Path, count: int) -> Store:
    conditions = tuple(
        Condition(endpoint=("io_read", "io_create")[at % 2], connections=2**at, rows=100)
        for at in range(count)
    )
    study = msgspec.structs.replace(make_study(VARIANTS, blocks=BLOCKS), conditions=conditions)
    run = make_run(study)
    store = Store.create(folder, run.id)
    store.write_run(run)
    for condition in conditions:
        for trial in _trials(run, condition):
            store.write_trial(trial)
    return store


def _trials(run: Run, condition: Condition) -> list[Trial]:
    alone = make_run(msgspec.structs.replace(run.study, conditions=(condition,)))
    costs = {name: 400.0 + 60 * at for at, name in enumerate(VARIANTS)}
    found = simulate(alone, costs, seed=condition.connections)
    # Each has a histogram of its own, as real ones do: what is decoded twice is kept.
    least_ms = 2.0 + math.log2(condition.connections)
    slowest = [least_ms * (1 + at / len(found)) for at in range(len(found))]
    return [
        msgspec.structs.replace(trial, condition=condition, latency_hdr=histogram(ms))
        for trial, ms in zip(found, slowest, strict=True)
    ]


def _usable_s(page: Path) -> float:
    """From the request for the page to the explorer's last chart."""
    program = shutil.which("chromium")
    if program is None:
        sys.exit("there is no Chromium here; `apt-get install chromium` to measure the page")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        tab = browser.new_page()
        began = time.perf_counter()
        tab.goto(page.as_uri())
        tab.wait_for_function("document.documentElement.dataset.explorer === 'ready'")
        took_s = time.perf_counter() - began
        browser.close()
    return took_s


if __name__ == "__main__":
    main()
