"""A study in words: how its runs load, and when they may end early."""

from harness.analysis.stats.ties import ALPHA
from harness.inputs.study import Study
from harness.report.words.sentences import listed


def load(study: Study) -> str:
    """How its runs load, beside what each condition says."""
    if study.ramped:
        return "a ramp of Locust users, each setup alone"
    kinds = []
    if any(condition.window_s is None for condition in study.conditions):
        kinds.append(f"slices of {study.load.slice_s:g} s in {rounds(study)}")
    if any(condition.window_s is not None for condition in study.conditions):
        kinds.append("windows as stated by the conditions")
    return f"{' and '.join(kinds)}, after {study.load.warmup_s:g} s of the same load per variant"


def rounds(study: Study) -> str:
    """The number of rounds, and of those endpoints that have another."""
    others = ", ".join(f"{number} of {name}" for name, number in study.load.rounds_of.items())
    return f"{study.load.rounds} rounds" + (f" ({others})" if others else "")


def ending_early(study: Study) -> list[str]:
    """When a run of it may end before its last block, and how strict its verdicts then are.

    Clauses without a full stop; none if it may not.
    """
    rules = study.stopping
    if not study.looks:
        return []
    awaited = []
    if rules.verdicts:
        pairs = "declared pair" if study.pairs else "ratio to the baseline"
        awaited.append(f"every {pairs} differs or is the same within {100 * study.margin:g} %")
    if rules.half_width is not None:
        awaited.append(f"every ratio's 95 % interval is within {100 * rules.half_width:g} %")
    after = listed([str(look) for look in study.looks], "or")
    told = [f"it may end after {after} blocks, once {' and '.join(awaited)}"]
    if rules.verdicts:
        # Imported here, because it takes long, and `plan` of most studies needs none of it.
        from harness.analysis.stats.sequential import look_levels

        *early, last_level = look_levels(study.looks, study.blocks).values()
        each = ", ".join(f"{100 * level:.2g} %" for level in early)
        told.append(
            f"verdicts have the level {each} there and {100 * last_level:.2g} % after the last "
            f"block: {100 * ALPHA:g} % over all looks (Lan and DeMets 1983)"
        )
    return told
