"""The one line of caution under a headline: what a reader must know before using the figures."""

import msgspec

from harness.analysis.analyse import Analysis
from harness.analysis.precision import Precision, precision_of
from harness.records.plan import DUPLICATE
from harness.records.run import Run
from harness.report.answer.scaling import shared_cores
from harness.report.words import numbers

_TELLING = 0.2
"""The share of disturbed trials from which on the machine explains wide intervals. They are
medians over all variants and conditions, which a few disturbed trials do not widen."""


class Caution(msgspec.Struct, frozen=True):
    """What limits the trust in a run's figures.

    text: the most important thing, in one or two short sentences.
    alarm: whether figures may mislead; else the design already allows for it.
    others: further things, each a sentence; they stand in the details.
    """

    text: str
    alarm: bool = False
    others: tuple[str, ...] = ()


def caution(run: Run, analysis: Analysis, damaged: int = 0) -> Caution | None:
    """The caution of a run; None if there is nothing to say.

    Args:
        run, analysis: what was measured, and its estimates.
        damaged: files of trials that cannot be read.
    """
    precision = precision_of(run.study, analysis)
    alarms = [line for line in (_rehearsal(run), _twins(analysis), _missed(precision)) if line]
    told = (
        shared_cores(run, analysis), _damaged(damaged), _missing(analysis), _busy(precision),
    )  # fmt: skip
    plain = [line for line in told if line]
    lines = alarms + plain
    if not lines:
        return None
    return Caution(lines[0], alarm=bool(alarms), others=tuple(lines[1:]))


def _rehearsal(run: Run) -> str:
    if not run.rehearsal:
        return ""
    return "A rehearsal: the ramp was shortened, so its rates and totals are not measurements."


def _damaged(count: int) -> str:
    if not count:
        return ""
    are = "trial is damaged and is" if count == 1 else "trials are damaged and are"
    return f"{count} {are} left out."


def _twins(analysis: Analysis) -> str:
    apart = [check for check in analysis.twins if not check.agree]
    if not apart:
        return ""
    off = max(max(check.ratio.mean, 1 / check.ratio.mean) - 1 for check in apart)
    return (
        f"Two identical servers differ under {len(apart)} of {len(analysis.twins)} conditions. "
        f"Trust no difference of up to {numbers.at_most(off)} there."
    )


def _missed(precision: Precision) -> str:
    if not precision.missed or precision.half_width is None:
        return ""
    reached = f"Ratios are precise to ±{numbers.at_most(precision.half_width)} only"
    if precision.busy < _TELLING * precision.trials:
        return f"{reached}; more blocks would make them more precise."
    return (
        f"{reached}: the machine was busy during {_share(precision)}. Run again when it is quiet."
    )


def _share(precision: Precision) -> str:
    return f"{precision.busy:,} of {precision.trials:,} trials"


def _busy(precision: Precision) -> str:
    if not precision.busy or precision.missed:
        return ""
    text = f"The machine was busy during {_share(precision)}."
    if precision.half_width is None:
        return text
    within = numbers.at_most(precision.half_width)
    return f"{text} The design cancels this, and ratios are precise to ±{within}."


def _missing(analysis: Analysis) -> str:
    """Which variants lack figures, and where to read why."""
    lacking = {item.entry.removesuffix(DUPLICATE) for item in analysis.missing}
    if not lacking or not analysis.conditions:
        return ""
    if len(lacking) == 1:
        conditions = len({item.condition for item in analysis.missing})
        everywhere = f"{conditions} condition{'s' if conditions > 1 else ''}"
        return f"{lacking.pop()} has no figures under {everywhere}; its row says why."
    return f"{len(lacking)} stacks lack figures; their rows say why."
