"""Whether two runs were measured alike, and what is not the same in them, by their descriptions."""

from collections.abc import Mapping

import msgspec

from harness.base.errors import UsageError
from harness.inputs.study import Study
from harness.records.run import Run

_NO_MATTER = frozenset({"rounds", "ramp"})
"""Of the load: more rounds narrow an interval and change no value; a ramp is Locust's."""


class Change(msgspec.Struct, frozen=True):
    """Something that is one way in run A and another in run B.

    subject: `bridgetoll`, an implementation or a variant. name: a package, or what else it has.
    a, b: None where a run has no such thing, or does not tell.
    """

    subject: str
    name: str
    a: str | None
    b: str | None


def check_comparable(a: Run, b: Run, *, anyway: bool) -> tuple[str, ...]:
    """Find out why a ratio of two runs would not be about what they measured.

    Args:
        a, b: as they are kept; a run of another schema is refused when it is read.
        anyway: go on where they were not measured alike.

    Returns:
        The reasons, as clauses; none where all is well.

    Raises:
        UsageError: they were not measured alike, or are no two runs with blocks.
    """
    if a.id == b.id:
        raise UsageError(f"Both names are of the run {a.id}; name two different ones.")
    for run in (a, b):
        if run.study.ramped:
            raise UsageError(
                f"Run {run.id} was loaded by Locust, whose cells stand each by itself and have no "
                "noise floor; name two runs that our own generator loaded."
            )
    found = reasons(a, b)
    if found and not anyway:
        raise UsageError(
            f"{a.id} and {b.id} were not measured alike: {'; '.join(found)}; measure one of them "
            "again, or compare them nevertheless with --anyway."
        )
    return found


def reasons(a: Run, b: Run) -> tuple[str, ...]:
    """Why two runs are not comparable: a clause for everything around the variants that differs.

    Packages, locks, code and commits are what one compares, and no reason.
    """
    return (
        *_differing("the contracts", _contract(a), _contract(b)),
        *_differing("the machines", a.machine, b.machine),
        *_differing("the cores", _fields(a.cores), _fields(b.cores)),
        *_differing("the databases", _database(a), _database(b)),
        *_differing("the servers' settings", _fields(a.study.server), _fields(b.study.server)),
        *_setups(a.study, b.study),
        *_differing("the loads", _load(a.study), _load(b.study)),
        *_differing("the networks", _network(a.study), _network(b.study)),
    )


def changes(a: Run, b: Run) -> tuple[Change, ...]:
    """What two runs may be compared for: versions of packages, of code and of bridgetoll itself.

    Of implementations and variants only those that both have.
    """
    return (
        *_changed("bridgetoll", _software(a), _software(b)),
        *(
            change
            for name, old in a.implementations.items()
            if (new := b.implementations.get(name)) is not None
            for change in _changed(
                name,
                {"requirements.lock": old.lock_digest, **old.packages},
                {"requirements.lock": new.lock_digest, **new.packages},
            )
        ),
        *(
            change
            for name, before in a.variants.items()
            if (after := b.variants.get(name)) is not None
            for change in _changed(
                name,
                {"server": before.server, **before.factors},
                {"server": after.server, **after.factors},
            )
        ),
    )


def _changed(
    subject: str, a: Mapping[str, str | None], b: Mapping[str, str | None]
) -> tuple[Change, ...]:
    return tuple(
        Change(subject, name, a.get(name), b.get(name))
        for name in dict.fromkeys((*a, *b))
        if a.get(name) != b.get(name)
    )


def _software(run: Run) -> dict[str, str | None]:
    return {"version": run.bridgetoll, "commit": run.commit, "code": run.code_digest}


def _differing(what: str, a: Mapping[str, object], b: Mapping[str, object]) -> tuple[str, ...]:
    """One clause with every key whose values differ; none where none does."""
    found = [
        f"{key} ({_said(a.get(key))} / {_said(b.get(key))})"
        for key in dict.fromkeys((*a, *b))
        if a.get(key) != b.get(key)
    ]
    return (f"{what} differ in {', '.join(found)}",) if found else ()


def _said(value: object) -> str:
    match value:
        case None:
            return "not known"
        case bool():
            return "on" if value else "off"
        case tuple():
            return "+".join(map(str, value))
        case _:
            return str(value)


def _fields(record: msgspec.Struct) -> dict[str, object]:
    return dict(msgspec.structs.asdict(record))


def _contract(run: Run) -> dict[str, object]:
    return {"version": run.contract, "digest": run.contract_digest}


def _database(run: Run) -> dict[str, object]:
    return {"embedded": run.embedded_database, **run.database}


def _setups(a: Study, b: Study) -> tuple[str, ...]:
    """Of variants with settings of their own, those that both runs know by one name."""
    return tuple(
        clause
        for name in a.everyone
        if name in b.everyone
        for clause in _differing(f"the settings of {name}", _setup(a, name), _setup(b, name))
    )


def _setup(study: Study, name: str) -> dict[str, object]:
    setup = study.setups.get(name)
    return {} if setup is None else {"variant": setup.variant, **setup.settings}


def _load(study: Study) -> dict[str, object]:
    """Windows are part of the condition, and so compared with it."""
    kept = {key: value for key, value in _fields(study.load).items() if key not in _NO_MATTER}
    return {**kept, "fresh": study.fresh}


def _network(study: Study) -> dict[str, object]:
    """What stands between the legs; it does so under every condition if it does under one."""
    return {"injector": study.network.injector if study.delayed else "none"}
