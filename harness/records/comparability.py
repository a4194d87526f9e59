"""The differences of two runs, by their descriptions.

`reasons` names those that make a ratio of the two meaningless, `changes` and `variant_changes`
those that one compares runs for.
"""

from collections.abc import Iterator, Mapping

import msgspec

from harness.base.errors import UsageError
from harness.inputs.study import Study
from harness.records.run import Run

_NO_MATTER = frozenset({"rounds", "rounds_of", "ramp"})
"""Of the load: more rounds narrow an interval and change no value; a ramp is Locust's."""


class Change(msgspec.Struct, frozen=True):
    """Something that is one way in run A and another in run B.

    subject: `bridgetoll`, an implementation or a variant. name: a package, or another property.
    a, b: None where a run has no such thing, or does not say.
    """

    subject: str
    name: str
    a: str | None
    b: str | None


def check_comparable(a: Run, b: Run, *, anyway: bool) -> tuple[str, ...]:
    """Refuse two runs whose ratio would not be about the variants.

    Args:
        a, b: the runs.
        anyway: accept runs that were not measured alike.

    Returns:
        The reasons why not, as clauses; none if they were measured alike.

    Raises:
        UsageError: they were not measured alike, are the same run, or have no blocks.
    """
    if a.id == b.id:
        raise UsageError(f"Both names are of the run {a.id}; name two different ones.")
    for run in (a, b):
        if run.study.ramped:
            raise UsageError(
                f"Run {run.id} was loaded by Locust, whose cells were measured one after the other "
                "and not in blocks; name two runs that our own generator loaded."
            )
    clauses = reasons(a, b)
    if clauses and not anyway:
        raise UsageError(
            f"{a.id} and {b.id} were not measured alike: {'; '.join(clauses)}; measure one of them "
            "again, or compare them nevertheless with --anyway."
        )
    return clauses


def reasons(a: Run, b: Run) -> tuple[str, ...]:
    """Why two runs are not comparable: a clause for each thing around the variants that differs.

    Packages, locks, code and commits are no reason: they are what one compares.
    """
    return (
        *_clause("the contracts", _contract(a), _contract(b)),
        *_clause("the machines", a.machine, b.machine),
        *_clause("the machines of the roles", _machines(a), _machines(b)),
        *_clause("the cores", _fields(a.cores), _fields(b.cores)),
        *_clause("the databases", _database(a), _database(b)),
        *_clause("the servers' settings", _fields(a.study.server), _fields(b.study.server)),
        *_setups(a.study, b.study),
        *_clause("the loads", _load(a.study), _load(b.study)),
        *_clause("the networks", _network(a.study), _network(b.study)),
        *_clause("the readings of the clocks", _reads(a, b), _reads(b, a)),
    )


def changes(a: Run, b: Run) -> tuple[Change, ...]:
    """All that two runs may be compared for: versions of packages, of code and of bridgetoll.

    Of implementations and variants only those that both have.
    """
    implementations = [name for name in a.implementations if name in b.implementations]
    variants = [name for name in a.variants if name in b.variants]
    return (
        *_changed("bridgetoll", _software(a), _software(b)),
        *(
            change
            for name in implementations
            for change in _changed(
                name,
                _lock(a, name) | _code(a, b, name) | _packages(a, name),
                _lock(b, name) | _code(b, a, name) | _packages(b, name),
            )
        ),
        *(
            change
            for name in variants
            for change in _changed(name, _build(a, name), _build(b, name))
        ),
    )


def variant_changes(a: Run, b: Run, variant: str) -> tuple[Change, ...]:
    """The changes that concern one variant: its packages, then the variant, then bridgetoll.

    Locks and code digests are left out. They are of all packages, and of all implementations of a
    study, so they differ where nothing of the variant does; the commit names the harness.
    """
    before, after = (run.implementation_of(variant) for run in (a, b))
    packages = _changed(after, _packages(a, before), _packages(b, after))
    build = _changed(variant, _build(a, variant), _build(b, variant))
    return (
        *sorted(packages, key=lambda change: change.name),
        *sorted(build, key=lambda change: change.name),
        *_changed(
            "bridgetoll",
            {"bridgetoll": a.commit or a.bridgetoll},
            {"bridgetoll": b.commit or b.bridgetoll},
        ),
    )


def unlike(a: Run, b: Run, variant: str) -> str | None:
    """Why a variant is not the same in both runs, or not known to be; None if it is.

    Two variants that are the same differ between the runs by what the machine did, and by nothing
    else.

    Returns:
        A clause.
    """
    names = [run.implementation_of(variant) for run in (a, b)]
    records = [
        (run.variants.get(variant), run.implementations.get(name))
        for run, name in zip((a, b), names, strict=True)
    ]
    if any(part is None for record in records for part in record):
        return "not both runs describe it"
    same: tuple[tuple[str, object, object], ...] = (
        ("the contract", a.contract_digest, b.contract_digest),
        ("PostgreSQL or its settings", _database(a), _database(b)),
        ("Python", a.machine.get("python"), b.machine.get("python")),
        ("its packages", _packages(a, names[0]), _packages(b, names[1])),
        ("its server or its factors", _build(a, variant), _build(b, variant)),
        ("its settings", _settings(a.study, variant), _settings(b.study, variant)),
        ("the readings of the clocks", _reads(a, b), _reads(b, a)),
    )
    for what, old, new in same:
        if old != new:
            return f"{what} changed"
    match _same_code(a, b, *names):
        case True:
            return None
        case False:
            return "its code changed"
        case None:
            return "its code is not known to be the same"


def _reads(run: Run, other: Run) -> dict[str, str]:
    """When slices end, where both runs have some; windows end within the load."""
    sliced = all(any(c.window_s is None for c in one.study.conditions) for one in (run, other))
    return {"at the end of a slice": run.reads} if sliced else {}


def _settings(study: Study, variant: str) -> tuple[object, ...]:
    """What its server and its PostgreSQL were given, and of which variant it is a setup."""
    setup = study.setups.get(variant)
    origin = None if setup is None else setup.variant
    return study.server_of(variant), study.database_of(variant), origin


def _same_code(a: Run, b: Run, before: str, after: str) -> bool | None:
    """None where the runs do not tell: older ones have only the digest of everything.

    Args:
        a, b: the runs.
        before, after: the implementation in the one and in the other.
    """
    one = a.implementations[before].code_digest
    other = b.implementations[after].code_digest
    if one is not None and other is not None:
        return one == other
    committed = a.commit is not None and not a.commit.endswith("-dirty")
    if a.code_digest == b.code_digest or (committed and a.commit == b.commit):
        return True
    return None


def _changed(
    subject: str, a: Mapping[str, str | None], b: Mapping[str, str | None]
) -> tuple[Change, ...]:
    return tuple(Change(subject, name, old, new) for name, old, new in _differing(a, b))


def _clause(what: str, a: Mapping[str, object], b: Mapping[str, object]) -> tuple[str, ...]:
    """One clause that names every key whose values differ; none where all are equal."""
    named = [f"{key} ({_shown(old)} / {_shown(new)})" for key, old, new in _differing(a, b)]
    return (f"{what} differ in {', '.join(named)}",) if named else ()


def _differing[T](
    a: Mapping[str, T], b: Mapping[str, T]
) -> Iterator[tuple[str, T | None, T | None]]:
    """Each key whose values differ, with both; None where one side lacks it."""
    for key in dict.fromkeys((*a, *b)):
        if a.get(key) != b.get(key):
            yield key, a.get(key), b.get(key)


def _shown(value: object) -> str:
    match value:
        case None:
            return "not known"
        case bool():
            return "on" if value else "off"
        case tuple():
            return "+".join(map(str, value))
        case _:
            return str(value)


def _software(run: Run) -> dict[str, str | None]:
    return {"version": run.bridgetoll, "commit": run.commit, "code": run.code_digest}


def _lock(run: Run, implementation: str) -> dict[str, str]:
    return {"requirements.lock": run.implementations[implementation].lock_digest}


def _code(run: Run, other: Run, implementation: str) -> dict[str, str]:
    """Nothing where one of the two runs is from before it was kept."""
    digests = [r.implementations[implementation].code_digest for r in (run, other)]
    return {} if digests[0] is None or digests[1] is None else {"code": digests[0]}


def _packages(run: Run, implementation: str) -> dict[str, str]:
    record = run.implementations.get(implementation)
    return {} if record is None else record.packages


def _build(run: Run, variant: str) -> dict[str, str]:
    """A variant's settings, without its packages."""
    record = run.variants.get(variant)
    return {} if record is None else {"server": record.server, **record.factors}


def _fields(record: msgspec.Struct) -> dict[str, object]:
    return dict(msgspec.structs.asdict(record))


def _contract(run: Run) -> dict[str, object]:
    return {"version": run.contract, "digest": run.contract_digest}


def _machines(run: Run) -> dict[str, object]:
    """By role, the number of its machine, from 1; one machine that has all roles is the first.

    Sets of machines are equal, so the first one stands for all.
    """
    if not run.machines:
        return dict.fromkeys(("application", "database", "load"), 1)
    first = [m for m in run.machines if m.machine_set == run.machines[0].machine_set]
    return {role: machine.number + 1 for machine in first for role in machine.roles}


def _database(run: Run) -> dict[str, object]:
    return {"embedded": run.embedded_database, **run.database}


def _setups(a: Study, b: Study) -> tuple[str, ...]:
    """Of variants with settings of their own, those that both runs know by one name."""
    return tuple(
        clause
        for name in a.everyone
        if name in b.everyone
        for clause in _clause(f"the settings of {name}", _setup(a, name), _setup(b, name))
    )


def _setup(study: Study, name: str) -> dict[str, object]:
    setup = study.setups.get(name)
    return {} if setup is None else {"variant": setup.variant, **setup.own}


def _load(study: Study) -> dict[str, object]:
    """Windows are part of the condition, and so compared with it."""
    kept = {key: value for key, value in _fields(study.load).items() if key not in _NO_MATTER}
    return {**kept, "fresh": study.fresh}


def _network(study: Study) -> dict[str, object]:
    """What stands between the legs; it does so under every condition if it does under one."""
    return {"injector": study.network.injector if study.delayed else "none"}
