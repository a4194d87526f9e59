"""What was not the same when a variant was measured again: packages first, and all that matters."""

from collections.abc import Iterator, Mapping

import msgspec

from harness.records import Run

_NOTHING = "none"


def differences(before: Run, after: Run, variant: str) -> tuple[str, ...]:
    """From one run to a later one, an item each, e.g. `orjson 3.13.0 to 3.14.1`.

    Args:
        before, after: the runs.
        variant: that was measured in both.

    Returns:
        Nothing where all is as it was. Which harness measured is told by its commit, because code
        digests are of all implementations of a study, and differ from study to study.
    """
    return (
        *_changed(_packages(before, variant), _packages(after, variant)),
        *_changed(_build(before, variant), _build(after, variant)),
        *_changed(_settings(before, variant), _settings(after, variant)),
        *_changed(before.machine, after.machine),
        *_changed(_tools(before), _tools(after)),
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


def _settings(run: Run, variant: str) -> Mapping[str, object]:
    """What server, database and load were given."""
    server = msgspec.to_builtins(run.study.server_of(variant))
    database = msgspec.to_builtins(run.study.database_of(variant))
    return {**server, **database, "speed probe": "on" if run.study.load.probe else "off"}


def _tools(run: Run) -> Mapping[str, object]:
    return {
        "bridgetoll": run.commit or run.bridgetoll,
        "contract": run.contract,
        "PostgreSQL": run.database.get("server_version", _NOTHING),
    }
