"""Load a study: find its file, read it, and check it against the catalog and against itself.

`load_study` lists the checks in order. Those of contrasts, waterfalls and squares are in
`contrast_rules`.
"""

import os
from pathlib import Path

import msgspec

from harness.base.decode import convert, in_item, toml_table
from harness.base.errors import MalformedFile, UnknownName, UsageError, plain
from harness.base.workspace import Workspace
from harness.inputs.catalog import Catalog
from harness.inputs.contract import check_endpoint
from harness.inputs.contrast_rules import check_comparisons
from harness.inputs.factors import PER_THREAD, POOLED, pool_of
from harness.inputs.names import name_problem
from harness.inputs.published_tables import load_published
from harness.inputs.settings import MOST_COUNTED, LoadSettings
from harness.inputs.study import LEAST_LOOK, Condition, Stopping, Study

SPARE_CONNECTIONS = 10
"""For the harness itself, and for superusers."""


def study_names(workspace: Workspace) -> list[str]:
    """The studies that can be run by name."""
    return sorted(path.stem for path in (workspace.shared / "studies").glob("*.toml"))


def find_study(workspace: Workspace, name: str) -> Path:
    """The file of a study named by its stem or by a path that ends in `.toml`.

    Runs are named after the file, and published under that name.

    Raises:
        UnknownName: with the studies that exist.
        UsageError: it is a file with another ending.
        MalformedFile: the file's name cannot be part of a run's.
    """
    path = Path(name) if name.endswith(".toml") else workspace.shared / "studies" / f"{name}.toml"
    if not name.endswith(".toml") and name not in study_names(workspace):
        if os.path.isfile(name):  # noqa: PTH113 - not for names that are too long
            raise UsageError(
                f"{plain(name, 200)} is no study: the name of its file must end in `.toml`; "
                "rename it, or choose a study of `bridgetoll list studies`."
            )
        raise UnknownName("study", name, study_names(workspace))
    if os.path.lexists(path) and (problem := name_problem(path.name.removesuffix(".toml"))):
        raise MalformedFile(path, f"the name of the file, which names the run, {problem}.")
    return path


def open_study(workspace: Workspace, catalog: Catalog, name: str) -> Study:
    """Find and read a study, and the published table that it names.

    Raises:
        MalformedFile, UnknownName: naming file, key and remedy.
    """
    path = find_study(workspace, name)
    study = load_study(path, catalog)
    if study.published is not None:
        load_published(workspace, study.published, f"{path}, `published`")
    return study


def load_study(path: Path, catalog: Catalog) -> Study:
    """Read a study and check every name in it.

    Raises:
        MalformedFile, UnknownName: naming file, key and remedy.
    """
    study = convert(toml_table(path), Study, path)
    check_study(path, study, catalog)
    return study


def check_study(path: Path, study: Study, catalog: Catalog) -> None:
    """Check a study against the catalog and against itself.

    Args:
        path: of the file that it is from, or what stands for it in messages.
        study, catalog: what is checked, and against what.

    Raises:
        MalformedFile, UnknownName: naming file, key and remedy.
    """
    catalog = catalog.with_setups(study.setups, str(path), study.server.workers)
    for name in (*study.everyone, study.baseline):
        catalog.variant(name, str(path))
    for condition in study.conditions:
        check_endpoint(condition.endpoint, str(path))
    _check_design(path, study)
    _check_rounds(path, study)
    if study.ramped:
        _check_locust(path, study)
    elif study.load.processes != LoadSettings().processes:
        raise MalformedFile(
            path,
            '`load.processes` are Locust\'s; set `load.engine = "locust"`, or set '
            "`load.generators` for processes of our own generator.",
        )
    elif study.load.ramp != LoadSettings().ramp or study.published is not None:
        key = "published" if study.published is not None else "load.ramp"
        raise MalformedFile(
            path, f'`{key}` is for Locust\'s ramps; set `load.engine = "locust"`, or remove it.'
        )
    elif restarted := [n for n, s in study.setups.items() if s.max_connections is not None]:
        raise MalformedFile(
            path,
            f"`setups.{restarted[0]}.max_connections`: all servers of a block share one "
            'PostgreSQL; set `database.max_connections`, or `engine = "locust"`.',
        )
    for index, condition in enumerate(study.conditions):
        _check_condition(path, in_item("conditions", index), condition, study)
        _check_times(path, in_item("conditions", index), condition, study)
        _check_workers(path, in_item("conditions", index), condition, study, catalog)
    _check_stopping(path, study)
    _check_servers(path, study, catalog)
    _check_connections(path, study, catalog)
    check_comparisons(path, study, catalog)


def _check_design(path: Path, study: Study) -> None:
    for key, values in (("variants", study.variants), ("conditions", study.conditions)):
        if not values:
            raise MalformedFile(path, f"`{key}` is empty; name at least one.")
        twice = next((value for value in values if values.count(value) > 1), None)
        if twice is not None:
            name = plain(twice if isinstance(twice, str) else twice.name)
            raise MalformedFile(path, f"`{key}` has {name} twice; remove the repetition.")
    for key, chosen in (
        ("groups", list(study.groups)),
        ("contrasts", [contrast.name for contrast in study.contrasts]),
    ):
        for name in chosen:
            if problem := name_problem(name):
                raise MalformedFile(path, f"`{key}`: the name of one {problem}.")
    names = [condition.name for condition in study.conditions]
    same = [name for name in names if names.count(name) > 1]
    if same:
        raise MalformedFile(
            path,
            f"`conditions`: two are called {same[0]} and would share their files; remove one, or "
            "make them differ in more than their `group`, within the six digits that a name shows.",
        )
    if study.baseline not in study.variants:
        raise MalformedFile(
            path, f"`baseline`: `{study.baseline}` is not among `variants`; add it there."
        )
    used = {condition.group for condition in study.conditions}
    for group, members in study.groups.items():
        if group not in used:
            raise MalformedFile(
                path,
                f"`groups.{group}`: no condition has this group; name it in one, or remove it.",
            )
        if not members:
            raise MalformedFile(path, f"`groups.{group}` is empty; name at least one variant.")
        if len(set(members)) < len(members):
            raise MalformedFile(
                path, f"`groups.{group}` names one variant twice; remove the repetition."
            )
    if None not in used:
        raise MalformedFile(
            path,
            "`variants`: every condition has a `group`, so no condition measures all of them; "
            "remove `group` from one condition.",
        )


def _check_rounds(path: Path, study: Study) -> None:
    """Refuse rounds of an endpoint that no condition measures in slices."""
    sliced = {condition.endpoint for condition in study.conditions if condition.window_s is None}
    for endpoint in study.load.rounds_of:
        if endpoint not in sliced:
            raise MalformedFile(
                path,
                f"`load.rounds_of.{endpoint}` does nothing, because no condition measures this "
                "endpoint in slices; remove it.",
            )


def _check_condition(path: Path, at: str, condition: Condition, study: Study) -> None:
    load = study.load
    if condition.group is not None and condition.group not in study.groups:
        where = f"{path}, {at}`group`"
        raise UnknownName("group", condition.group, list(study.groups), where)
    loops = [key for key in ("rate", "share", "objective") if getattr(condition, key) is not None]
    if len(loops) > 1:
        raise MalformedFile(
            path, f"{at}it has both `{loops[0]}` and `{loops[1]}`; keep one of them."
        )
    if loops and condition.window_s is None:
        raise MalformedFile(path, f"{at}`window_s` is missing; `{loops[0]}` needs it, e.g. 10.")
    for key, default in (("windows", 1), ("arrivals", "poisson")):
        useless = condition.window_s is None if key == "windows" else not loops
        if useless and getattr(condition, key) != default:
            needs = "window_s" if key == "windows" else "rate` or `share"
            raise MalformedFile(path, f"{at}`{key}` does nothing without `{needs}`; remove it.")
    in_slices = load.engine == "native" and condition.window_s is None
    if condition.latency is not None and in_slices:
        raise MalformedFile(
            path,
            f"{at}`window_s` is missing; `latency` needs it, e.g. 10, because a slice would be "
            "over before its answers come.",
        )
    if condition.beside is not None:
        check_endpoint(condition.beside.endpoint, f"{path}, {at}`beside`")
        if condition.window_s is None:
            raise MalformedFile(
                path, f"{at}`window_s` is missing; `beside` needs it, e.g. 10, to last as long."
            )
    objective = condition.objective
    if objective is not None and objective.latency_ms >= load.timeout_s * 1e3:
        raise MalformedFile(
            path,
            f"{at}`objective.latency_ms` would always be met, because a request times out after "
            f"{load.timeout_s * 1e3:g} ms; set it below that, or raise `load.timeout_s`.",
        )


def _check_workers(
    path: Path, at: str, condition: Condition, study: Study, catalog: Catalog
) -> None:
    """Refuse workers that some server would not get, or that a setup has for itself."""
    if condition.workers is None:
        return
    for name in study.measured(condition):
        server = catalog.variant(name).server
        if condition.workers > 1 and not catalog.servers[server].takes("workers"):
            raise MalformedFile(
                path,
                f"{at}`workers` is {condition.workers}, and `{name}` would not get them, because "
                f"the command line of its server `{server}` lacks {{workers}}; add it in "
                "shared/servers.toml, or leave the variant out.",
            )
        if name in study.setups and study.setups[name].workers is not None:
            raise MalformedFile(
                path,
                f"{at}`workers` is {condition.workers}, and `setups.{name}.workers` is "
                f"{study.setups[name].workers}; remove one of them.",
            )
    same = msgspec.structs.replace(condition, workers=None)
    if condition.workers == study.server.workers and same in study.conditions:
        raise MalformedFile(
            path,
            f"{at}`workers` is {condition.workers} as `server.workers` is, so another condition is "
            "the same without it; remove one of them.",
        )


_QUERYING = ("io_create", "io_read", "io_fanout")
"""Endpoints that ask the database, once at least."""
_FEWEST_ARRIVALS, _MOST_ARRIVALS = 10, 20_000_000
"""Of one window. Fewer show nothing; more do not fit into the generator's memory."""


def _check_times(path: Path, at: str, condition: Condition, study: Study) -> None:
    """Refuse times that no answer can keep, because each waits longer by itself."""
    for endpoint in (
        condition.endpoint,
        *([condition.beside.endpoint] if condition.beside else []),
    ):
        least_ms = _least_ms(endpoint, condition, study)
        if least_ms >= study.load.timeout_s * 1e3:
            raise MalformedFile(
                path,
                f"{at}every request would time out, because a correct answer of `{endpoint}` takes "
                f"at least {least_ms:g} ms and `load.timeout_s` is {study.load.timeout_s:g}; raise "
                "that, or lower `latency` or `server.wait_ms`.",
            )
        if condition.window_s is not None and least_ms >= condition.window_s * 1e3:
            raise MalformedFile(
                path,
                f"{at}`window_s` is {condition.window_s:g}, and a correct answer of `{endpoint}` "
                f"takes at least {least_ms:g} ms; set it to several times that.",
            )
    least_ms = _least_ms(condition.endpoint, condition, study)
    objective = condition.objective
    if objective is not None and objective.latency_ms <= least_ms:
        raise MalformedFile(
            path,
            f"{at}`objective.latency_ms` is {objective.latency_ms:g}, which no rate meets, because "
            f"a correct answer takes at least {least_ms:g} ms by `latency` and `server.wait_ms`; "
            "set it to several times that.",
        )
    if condition.rate is not None and condition.window_s is not None:
        arrivals = condition.rate * condition.window_s
        if not _FEWEST_ARRIVALS <= arrivals <= _MOST_ARRIVALS:
            few = arrivals < _FEWEST_ARRIVALS
            raise MalformedFile(
                path,
                f"{at}`rate` times `window_s` makes {arrivals:,.9g} requests in a window; "
                f"{'raise' if few else 'lower'} one of them, so that there are "
                f"{_FEWEST_ARRIVALS} to {_MOST_ARRIVALS:,}.",
            )


def _least_ms(endpoint: str, condition: Condition, study: Study) -> float:
    """How long an answer takes by what the study adds, on the fastest of servers."""
    latency = condition.latency
    least_ms = 0.0 if latency is None else latency.client_ms
    if latency is not None and endpoint in _QUERYING:
        least_ms += latency.database_ms
    return least_ms + (study.server.wait_ms if endpoint == "io_wait" else 0)


def _check_stopping(path: Path, study: Study) -> None:
    stopping = study.stopping
    if stopping.looks and stopping.half_width is None and not stopping.verdicts:
        raise MalformedFile(
            path,
            "`stopping.looks` does nothing alone; add `verdicts = true` or `half_width`, or "
            "remove it.",
        )
    if stopping.half_width is not None and not study.looks:
        raise MalformedFile(
            path,
            "`stopping.looks` is missing; `half_width` needs it: after how many blocks the run "
            "may end.",
        )
    wrong = [look for look in stopping.looks if look >= study.blocks]
    if wrong:
        raise MalformedFile(
            path,
            f"`stopping.looks`: the run ends after {study.blocks} blocks anyway, so a look after "
            f"{wrong[0]} does nothing; keep those below `blocks`.",
        )
    if stopping.verdicts:
        _check_verdicts(path, study)


def _check_verdicts(path: Path, study: Study) -> None:
    """Refuse to wait for verdicts that cannot come, or come too early to be known."""
    early = [look for look in study.looks if look < LEAST_LOOK]
    if early:
        raise MalformedFile(
            path,
            f"`stopping.looks`: {early[0]} blocks are too few for verdicts; look after "
            f"{LEAST_LOOK} or more.",
        )
    if not study.looks:
        raise MalformedFile(
            path,
            f"`stopping.verdicts` needs a look before the last block, after {LEAST_LOOK} blocks at "
            f"the earliest, and `blocks` is {study.blocks}; set it to {LEAST_LOOK + 1} or more, "
            "or remove `verdicts`.",
        )
    if len(study.everyone) < 2:
        raise MalformedFile(
            path,
            "`stopping.verdicts` waits for pairs, and the study has one variant; add another, or "
            "remove `verdicts`.",
        )
    costs = [c for c in study.conditions if c.objective is None and c.beside is None]
    if study.pairs and not costs:
        raise MalformedFile(
            path,
            "`stopping.verdicts` waits for `contrasts`, which need a condition without `objective` "
            "and `beside`; add one, or remove `verdicts`.",
        )


def _check_servers(path: Path, study: Study, catalog: Catalog) -> None:
    """Refuse settings that some server would not get, because its command line has no place for
    them: its variants would be compared with others that did.
    """
    for name in study.everyone:
        variant = catalog.variant(name)
        server, given = catalog.servers[variant.server], study.server_of(name)
        if given.workers > 1 and not server.takes("workers"):
            raise MalformedFile(
                path,
                f"`server.workers` is {given.workers}, and `{name}` would not get them, because "
                f"the command line of its server `{variant.server}` lacks {{workers}}; add it in "
                "shared/servers.toml, leave the variant out, or set `workers = 1`.",
            )
        own = {} if name not in study.setups else study.setups[name].settings
        if "threads" in own and not server.takes("threads"):
            raise MalformedFile(
                path,
                f"`setups.{name}.threads` does nothing, because the command line of its server "
                f"`{variant.server}` lacks {{threads}}; remove it.",
            )
        pool = pool_of(variant.factors)
        if "pool_size" in own and pool != POOLED:
            raise MalformedFile(
                path,
                f"`setups.{name}.pool_size` does nothing, because its variant has no pool "
                f"(`factors.pool` is '{pool}'); remove it.",
            )


def _check_connections(path: Path, study: Study, catalog: Catalog) -> None:
    """All servers of a block hold their connections at the same time.

    A variant without a pool holds none between its slices, and opens one per request within them.
    It may then exceed the database's limit. That is the variant's behaviour, and is measured.

    Where no request asks the database, threads hold none. But the audit, which counts the
    connections of one variant after the other, asks them all.
    """
    if study.ramped:  # one server at a time, and a study may limit its connections on purpose
        return
    asked = {c.endpoint for c in study.conditions}
    asked |= {c.beside.endpoint for c in study.conditions if c.beside is not None}
    names = (*study.everyone, study.baseline)
    unused = set(names) if asked.isdisjoint(_QUERYING) else set[str]()
    unused = {n for n in unused if pool_of(catalog.variant(n).factors) == PER_THREAD}
    for workers in study.crews:
        held = {name: _held(study, catalog, name, workers) for name in names}
        together = sum(held[name] for name in names if name not in unused)
        audited = max((min(held[name], MOST_COUNTED) for name in unused), default=0)
        total, who = max((together, "the servers of a block hold"), (audited, "the audit opens"))
        needed = total + SPARE_CONNECTIONS
        if study.database.max_connections < needed:
            raise MalformedFile(
                path,
                f"`database.max_connections` is {study.database.max_connections}, and {who} "
                f"{total} together{_by_workers(study, workers)}; set it to at least {needed}.",
            )


def _by_workers(study: Study, workers: int | None) -> str:
    """How many each worker may hold, where a server has several."""
    most = max(study.server_of(n).workers for n in study.everyone) if workers is None else workers
    if most == 1:
        return ""
    server = study.server
    return f", because each of {most} workers holds its own `pool_size` of {server.pool_size}"


def _held(study: Study, catalog: Catalog, name: str, workers: int | None) -> int:
    """Connections that a variant's server keeps while other variants are loaded."""
    given = study.server_of(name)
    if workers is not None:
        given = msgspec.structs.replace(given, workers=workers)
    return given.connections(pool_of(catalog.variant(name).factors)) or 0


_OWN_LOAD = (
    "slice_s", "rounds", "rounds_of", "warmup_s", "timeout_s", "generators", "probe",
    "keep_requests",
)  # fmt: skip


_NATIVE = ("window_s", "rate", "share", "objective", "group", "beside")


def _check_locust(path: Path, study: Study) -> None:
    """Refuse settings that only our own generator obeys; a ramp of Locust has no slices."""
    for index, condition in enumerate(study.conditions):
        for key in _NATIVE:
            if getattr(condition, key) is not None:
                raise MalformedFile(
                    path,
                    f"{in_item('conditions', index)}`{key}` does nothing with Locust, whose users "
                    'come by `[load] ramp`; remove it, or set `engine = "native"`.',
                )
    for key in ("contrasts", "waterfalls", "squares", "groups", "reruns"):
        if getattr(study, key):
            raise MalformedFile(
                path,
                f"`{key}` needs slices or windows, which Locust does not have; remove it, or set "
                '`engine = "native"`.',
            )
    usual = LoadSettings()
    for key in _OWN_LOAD:
        if getattr(study.load, key) != getattr(usual, key):
            ours = "set `load.processes`" if key == "generators" else "remove it"
            raise MalformedFile(
                path,
                f"`load.{key}` is for our own generator, and Locust does not obey it; "
                f'{ours}, or set `engine = "native"`.',
            )
    fewest = min(range(len(study.conditions)), key=lambda i: study.conditions[i].connections)
    if study.load.processes > (users := study.conditions[fewest].connections):
        raise MalformedFile(
            path,
            f"{in_item('conditions', fewest)}`connections` is {users}, and each of "
            f"{study.load.processes} processes of Locust needs a user; set `load.processes` to "
            f"{users} at most.",
        )
    if study.stopping != Stopping():
        raise MalformedFile(
            path, "`stopping` does nothing with Locust; remove it, or set `blocks`."
        )
