"""What was not the same about a variant when it was measured again, its packages first."""

from collections.abc import Iterator, Mapping

from harness.records.run import Run

_NOTHING = "none"


def differences(before: Run, after: Run, variant: str) -> tuple[str, ...]:
    """From one run to a later one, an item each, e.g. `orjson 3.13.0 to 3.14.1`.

    Args:
        before, after: the runs.
        variant: that was measured in both.

    Returns:
        Nothing where all is as it was. What was not the same around the variants is told by
        `comparability.reasons`, for then nothing can be followed. Which harness measured is told by
        its commit, because code digests are of all implementations of a study, and differ from
        study to study.
    """
    return (
        *_changed(_packages(before, variant), _packages(after, variant)),
        *_changed(_build(before, variant), _build(after, variant)),
        *_changed(_harness(before), _harness(after)),
    )


def _changed(before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[str]:
    for name in sorted({*before, *after}):
        old, new = before.get(name, _NOTHING), after.get(name, _NOTHING)
        if old != new:
            yield f"{name} {old} to {new}"


def _packages(run: Run, variant: str) -> Mapping[str, str]:
    found = run.implementations.get(variant.partition("/")[0])
    return {} if found is None else found.packages


def _build(run: Run, variant: str) -> Mapping[str, str]:
    """What the variant is beside its packages."""
    found = run.variants.get(variant)
    return {} if found is None else {"server": found.server, **found.factors}


def _harness(run: Run) -> Mapping[str, str]:
    return {"bridgetoll": run.commit or run.bridgetoll}
