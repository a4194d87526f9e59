"""Runs the matrix of faults and moments, and prints it.

Usage: `uv run python -m tests.faults [--fault NAME]... [--moment NAME]... [--jobs N] [--write]`.
`--list` prints the cases instead.
Exit status 1 if something did not hold. `--write` keeps the table in docs/faults.md.
"""

import argparse
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from harness.base.workspace import Workspace
from tests.bytecode import shared_bytecode
from tests.faults.cases import Outcome, run_case, why_not
from tests.faults.faults import FAULTS
from tests.faults.holding import NotReached
from tests.faults.moments import MOMENTS
from tests.heeding import heed_signals

_PAGE = Path("docs") / "faults.md"
_HEAD = """\
# What happens when something breaks

**{lost} in {cases} cases; {wrong}.** Each case starts the real command,
holds it at a moment, causes a fault, and lets it go on. Then five things are checked:

1. The command ends with the right status and one sentence. The sentence names the run, and the
   command that continues.
2. After 3 s no process is left that the command had started.
3. No finished trial is lost or changed.
4. `bridgetoll run --resume` completes the run.
5. The report counts each trial once.

A signal, or the death of the load generator, the relay or PostgreSQL, ends the command within
5 s, counted from the end of the load under way.

    uv run python -m tests.faults --write

This is its output of {date} at commit {commit}: {machine}, {minutes:.0f} minutes.

"""


def main() -> int:
    """Run, print, and perhaps write."""
    arguments = _parse()
    if arguments.list:
        print("\n".join(f"{f} at {m}" for f in FAULTS for m in MOMENTS if not why_not(f, m)))
        return 0
    heed_signals()
    began = time.monotonic()
    faults, moments = arguments.fault or list(FAULTS), arguments.moment or list(MOMENTS)
    cases = [(f, m) for f in faults for m in moments if why_not(f, m) is None]
    outcomes: dict[tuple[str, str], Outcome] = {}
    with shared_bytecode(), ProcessPoolExecutor(arguments.jobs) as pool:
        for outcome in pool.map(_run, cases):
            outcomes[outcome.fault, outcome.moment] = outcome
            verdict = "; ".join(outcome.wrong) or "ok"
            if outcome.wrong:
                verdict += f" (its last words: {outcome.told})"
            print(f"{outcome.fault} at {outcome.moment}: {verdict}", file=sys.stderr, flush=True)
    wrong = [outcome for outcome in outcomes.values() if outcome.wrong]
    table = "\n".join([*_table(outcomes, faults, moments), "", *_list(wrong)])
    print(table)
    if arguments.write:
        lost = sum("trials are lost" in " ".join(o.wrong) for o in wrong)
        minutes = (time.monotonic() - began) / 60
        (Workspace().root / _PAGE).write_text(
            _head(len(cases), len(wrong), lost, minutes) + table + "\n"
        )
    return 1 if wrong else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--fault", action="append", choices=list(FAULTS))
    parser.add_argument("--moment", action="append", choices=list(MOMENTS))
    parser.add_argument("--list", action="store_true", help="print the cases, and run none")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    if arguments.write and (arguments.fault or arguments.moment):
        parser.error("--write keeps the whole matrix; leave out --fault and --moment.")
    return arguments


def _run(case: tuple[str, str]) -> Outcome:
    try:
        return run_case(*case)
    except (AssertionError, LookupError, NotReached, OSError, subprocess.SubprocessError) as error:
        return Outcome(*case, (f"the case itself failed: {type(error).__name__} {error}",), "", 0.0)


def _head(cases: int, wrong: int, lost: int, minutes: float) -> str:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    processors = len(os.sched_getaffinity(0))
    return _HEAD.format(
        cases=cases,
        lost="No finished trial was lost" if not lost else f"Trials were lost in {lost} of",
        wrong="all went as it should" if not wrong else f"{wrong} went wrong otherwise",
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        commit=commit,
        machine=f"{processors} processors, {platform.system()}, Python {platform.python_version()}",
        minutes=minutes,
    )


def _table(
    outcomes: dict[tuple[str, str], Outcome], faults: Sequence[str], moments: Sequence[str]
) -> Iterable[str]:
    """A table for each group of faults: a row for each moment, a column for each fault."""
    for group in dict.fromkeys(FAULTS[fault].group for fault in faults):
        chosen = [fault for fault in faults if FAULTS[fault].group == group]
        yield f"## {group[0].upper()}{group[1:]}"
        yield ""
        yield from _aligned(
            [
                ["moment", *(FAULTS[fault].short or fault for fault in chosen)],
                *([m, *(_cell(outcomes.get((f, m))) for f in chosen)] for m in moments),
            ]
        )
        yield ""
    yield "`-`: the fault cannot strike then:"
    yield ""
    reasons = {why_not(f, m): f for f in reversed(faults) for m in moments}
    yield from (f"- {reason} (e.g. {fault})" for reason, fault in reasons.items() if reason)


def _aligned(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    """A table in Markdown whose columns stand below each other; the first row is the heading."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    head, *body = (
        "| " + " | ".join(text.ljust(w) for text, w in zip(row, widths, strict=True)) + " |"
        for row in rows
    )
    yield head
    yield "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    yield from body


def _cell(outcome: Outcome | None) -> str:
    if outcome is None:
        return "-"
    return "**wrong**" if outcome.wrong else "ok"


def _list(wrong: Sequence[Outcome]) -> Iterable[str]:
    for outcome in wrong:
        yield f"- {outcome.fault}, {outcome.moment}: {'; '.join(outcome.wrong)}. "
        if outcome.told:
            yield f"  Told: {outcome.told}"


if __name__ == "__main__":
    sys.exit(main())
