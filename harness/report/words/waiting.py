"""How many waiting requests a stack holds, in sentences."""

from harness.analysis.waiting import KEEPS_UP, Breakage, Reach, Waiting
from harness.report.words.numbers import percent
from harness.report.words.sentences import listed

_HOW = {
    Breakage.THREADS: "the system refuses it another thread",
    Breakage.MEMORY: "it runs out of memory",
    Breakage.FILES: "the system refuses it another open file",
    Breakage.KILLED: "it is killed",
    Breakage.DIED: "it dies",
    Breakage.WORKERS: "its worker process ends",
    Breakage.TIMEOUTS: "requests time out",
    Breakage.REFUSED: "it takes no connection",
    Breakage.CLOSED: "it closes connections without an answer",
    Breakage.ERRORS: "it answers wrongly",
    Breakage.SILENT: "no answer comes in the window",
}


def reach_sentence(reach: Reach) -> str:
    """Where a stack breaks, and how; else up to where it keeps up."""
    if reach.breaks_at is not None:
        where = (
            f"between {reach.holds:,} and {reach.breaks_at:,}"
            if reach.holds is not None
            else f"at {reach.breaks_at:,} or before"
        )
        return f"{reach.entry} breaks {where}: {listed([_HOW[how] for how in reach.how])}."
    if reach.falls_behind_at is None:
        return f"{reach.entry} keeps up to the last number, {reach.keeps_up_to:,}."
    return f"{reach.entry} does not break. It falls behind {_behind(reach)}."


def _behind(reach: Reach) -> str:
    if reach.keeps_up_to is None:
        return f"at {reach.falls_behind_at:,} or before"
    return f"between {reach.keeps_up_to:,} and {reach.falls_behind_at:,}"


def explained(waiting: Waiting) -> str:
    """What the table's figures are of."""
    seconds = f"{waiting.wait_ms / 1e3:g} s"
    return (
        f"Each request waits for {seconds}. So N of them at once allow N per {seconds}, the ideal. "
        f"A stack keeps up while it answers {percent(KEEPS_UP)} of that."
    )
