"""Variants that a study makes of others: with settings, packages, a server of their own."""

import platform
import re
from collections.abc import Mapping, Sequence

import msgspec
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from harness.base.errors import UnknownName, UsageError, plain
from harness.inputs.factors import PER_REQUEST, PER_THREAD, factors_of, pool_of
from harness.inputs.locks import BUILT, locked_versions, package_of, requirement
from harness.inputs.manifests import VARIANT_NAME, Implementation, Variant
from harness.inputs.names import LONGEST_VARIANT
from harness.inputs.servers import Protocol, Server, check_knobs, missing, servers_for
from harness.inputs.settings import ServerSettings, Setup
from harness.inputs.variables import variable_problem

UNSET = "unset"
"""The value of a factor for an environment variable that a variant does not set."""
_PYTHON = re.compile(r"3\.[0-9]{1,2}t?")
_MOST_PATCHES = 99
"""Releases of one version of Python, at most: whether any of them fits is asked."""
_EXACT = re.compile(r"^==\s*([^*,\s]+)$")


def check_name(name: str, setup: Setup, home: Implementation, where: str) -> None:
    """Refuse a name that is another variant's, or of another folder.

    Raises:
        UsageError: naming it and what may be.
    """
    folder, _, word = name.partition("/")
    if len(name) > LONGEST_VARIANT:
        raise UsageError(
            f"{where}: the name of `setups.{plain(name)}` has {len(name)} characters, and at most "
            f"{LONGEST_VARIANT} are allowed; shorten it."
        )
    taken = {variant.name for variant in home.variants}
    if name in taken or folder != home.name or not VARIANT_NAME.fullmatch(word):
        raise UsageError(
            f"{where}: `setups.{plain(name)}` must be called `{home.name}/` and a word that no "
            "variant of it has, of lower-case letters, digits and single hyphens, because it is a "
            f"setup of {setup.variant}."
        )


def set_up(
    name: str,
    setup: Setup,
    origin: Variant,
    home: Implementation,
    servers: Mapping[str, Server],
    where: str,
) -> tuple[Variant, Implementation | None]:
    """The variant that a setup makes, and its implementation if it has an environment of its own.

    Args:
        name, setup: as the study has them.
        origin: of which it is a setup. home: its implementation.
        servers: by name.
        where: the study's file, for messages.

    Raises:
        UnknownName: there is no such server.
        UsageError: a requirement, an environment variable or the server cannot be used.
    """
    at = f"{where}: `setups.{plain(name)}"
    if setup.server is not None:
        _check_server(setup.server, origin, servers, f"{at}.server`")
    server = servers[setup.server or origin.server]
    _check_threads(setup, origin, server, f"{at}.server`")
    check_knobs(setup.server or origin.server, server, setup.knobs, f"{at}.knobs`")
    if setup.python is not None:
        _check_python(setup.python, home, f"{at}.python`")
    env = _variables(setup, origin, at)
    added = missing(server.fitted(setup.knobs).requires, locked_versions(home.lock_file))
    wanted = _requirements(setup, home, added, f"{at}.packages`")
    own = _own_environment(name, setup, home, added)
    told = ", ".join(_told(setup))
    made = msgspec.structs.replace(
        origin,
        name=name,
        title=setup.title or f"{origin.title}; {told or 'as it is'}",
        implementation=origin.implementation if own is None else own.name,
        server=setup.server or origin.server,
        env=env,
        knobs=setup.knobs,
        unforeseen=bool(setup.packages or setup.python or setup.env),
        factors=_factors(setup, origin, wanted),
    )
    return made, own


def _variables(setup: Setup, origin: Variant, at: str) -> dict[str, str]:
    """The environment variables of a setup and its origin; refuse one that cannot be set."""
    env = {**origin.env, **setup.env}
    if problem := variable_problem(env, factors_of(origin.name, origin)["extra_hops"]):
        variable, why = problem
        raise UsageError(f"{at}.env.{variable}`: {why}.")
    return env


def _requirements(
    setup: Setup, home: Implementation, added: Sequence[str], at: str
) -> list[Requirement]:
    """The packages that a setup wants; `added` come with its server."""
    beside = {package_of(text) for text in added}
    wanted = [requirement(text, home.lock_file, at, beside) for text in setup.packages]
    names = [package_of(text) for text in setup.packages]
    if twice := [package for package in names if names.count(package) > 1]:
        raise UsageError(f"{at} names `{twice[0]}` twice; keep one of them.")
    return wanted


def _own_environment(
    name: str, setup: Setup, home: Implementation, added: tuple[str, ...]
) -> Implementation | None:
    """The implementation with what a setup has of its own; None where that is nothing."""
    if not (setup.packages or setup.python is not None or added):
        return None
    return msgspec.structs.replace(
        home,
        name=f"{home.name}+{name.partition('/')[2]}",
        title=f"{home.title}, {name}",
        variants=(),
        packages=setup.packages,
        python=setup.python,
        added=added,
    )


def _factors(setup: Setup, origin: Variant, wanted: Sequence[Requirement]) -> dict[str, str]:
    """In which a setup differs from its origin, with the origin's own."""
    return (
        origin.factors
        | _connections(setup, origin)
        | {_factor(w.name): w.url or _version(str(w.specifier)) for w in wanted}
        | ({} if setup.python is None else {"python": setup.python})
        | ({} if setup.workers is None else {"workers": str(setup.workers)})
        | {_variable(variable): value for variable, value in setup.env.items()}
        | setup.knobs
    )


class Made(msgspec.Struct, frozen=True):
    """A side of an A/B with its environment: the setup, or None for the variant as it is.

    packages: versions by name, as they are installed.
    knobs: of its server, with the values of all.
    """

    setup: Setup | None
    packages: Mapping[str, str]
    knobs: Mapping[str, str] = {}


def is_same(one: Made, other: Made, origin: Variant, usual: ServerSettings) -> bool:
    """Whether two sides are alike in all: then a comparison of them is an A/A.

    Args:
        one, other: the two.
        origin: of which they are setups.
        usual: what servers are given where a setup says nothing.
    """
    return _effective(one, origin, usual) == _effective(other, origin, usual)


def _effective(side: Made, origin: Variant, usual: ServerSettings) -> tuple[object, ...]:
    """All that a side has, whether its setup says so or not."""
    setup = side.setup or Setup(origin.name)
    return (
        setup.python or interpreter_version(),
        setup.server or origin.server,
        setup.server_settings(usual),
        setup.max_connections,
        {**origin.env, **setup.env},
        side.packages,
        side.knobs,
        {text for text in setup.packages if BUILT in text},  # its version may be another's too
    )


def interpreter_version() -> str:
    """Of the Python that variants run on where no setup names one, e.g. `3.13`."""
    return ".".join(platform.python_version_tuple()[:2])


def usual_factors(
    variant: Variant,
    home: Implementation,
    servers: Mapping[str, Server],
    setups: Mapping[str, Setup],
    workers: int,
) -> dict[str, str]:
    """What a variant has of the factors that some setup of the study sets.

    So that it differs in them: the locked version, this interpreter, the study's workers, the
    defaults of its server's knobs.

    Args:
        variant, home: of which factors are asked.
        servers: by name.
        setups: of the study, by name.
        workers: that every other variant is given.
    """
    found: dict[str, str] = {}
    knobs = servers[variant.server].setting(variant.knobs)
    locked = locked_versions(home.lock_file)
    for setup in setups.values():
        for text in setup.packages:
            package = package_of(text)
            if package in locked:
                found[_factor(package)] = locked[package]
        if setup.python is not None:
            found["python"] = interpreter_version()
        if setup.workers is not None:
            found["workers"] = str(workers)
        found |= {_variable(name): variant.env.get(name, UNSET) for name in setup.env}
        found |= {name: knobs[name] for name in setup.knobs if name in knobs}
    return found | variant.factors


def _check_python(version: str, home: Implementation, at: str) -> None:
    """Refuse what is no version of Python, or does not fit the implementation."""
    if not _PYTHON.fullmatch(version):
        raise UsageError(
            f"{at} is {plain(version)!r}, which is no version; write e.g. "
            f"'{interpreter_version()}'."
        )
    latest = f"{version.removesuffix('t')}.{_MOST_PATCHES}"
    if not SpecifierSet(home.requires_python).contains(latest):
        raise UsageError(
            f"{at} is {version!r}, and {home.name}/pyproject.toml requires Python "
            f"{home.requires_python}; choose one that fits, or widen the range."
        )


def _check_server(name: str, origin: Variant, servers: Mapping[str, Server], at: str) -> None:
    """Refuse a server that cannot run the variant's application."""
    if name not in servers:
        raise UnknownName("server", name, servers_for(origin.server, servers), at)
    fitting = servers_for(origin.server, servers)
    if name in fitting:
        return
    theirs, ours = servers[name].protocol, servers[origin.server].protocol
    others = [fits for fits in fitting if fits != origin.server]
    remedy = f"choose one of: {', '.join(others)}" if others else "no other server fits it"
    raise UsageError(
        f"{at}: the server `{name}` {_SPEAKS[theirs]}, and the application of `{origin.name}` "
        f"{_NEEDS[ours]}; {remedy}."
    )


def _check_threads(setup: Setup, origin: Variant, server: Server, at: str) -> None:
    """Refuse connections per thread on a server whose threads nothing limits."""
    if setup.server and pool_of(origin.factors) == PER_THREAD and not server.takes("threads"):
        raise UsageError(
            f"{at}: `{origin.name}` holds a connection per thread, and the command line of "
            f"`{setup.server}` lacks {{threads}}, so nothing would limit them; take a variant with "
            "a pool, or another server."
        )


_SPEAKS = {
    Protocol.ASGI: "speaks ASGI",
    Protocol.WSGI: "speaks WSGI",
    Protocol.OWN: "runs one framework's applications alone",
}
_NEEDS = {
    Protocol.ASGI: "needs ASGI",
    Protocol.WSGI: "needs WSGI",
    Protocol.OWN: "runs on its framework's own server alone",
}


def _told(setup: Setup) -> list[str]:
    """What a setup changes, each in a few words."""
    told = [f"{key.replace('_', ' ')} {value}" for key, value in setup.settings.items()]
    told += list(setup.packages)
    told += [] if setup.python is None else [f"Python {setup.python}"]
    told += [] if setup.server is None else [f"on {setup.server}"]
    told += [f"{name.replace('_', ' ')} {value}" for name, value in setup.knobs.items()]
    return told + [f"{name}={value}" for name, value in setup.env.items()]


def _connections(setup: Setup, origin: Variant) -> dict[str, str]:
    """How many connections it holds at most is a factor of a setup."""
    by_pool = {PER_THREAD: setup.threads, PER_REQUEST: setup.max_connections}
    most = by_pool.get(pool_of(origin.factors), setup.pool_size)
    return {} if most is None else {"database_connections": str(most)}


def _factor(package: str) -> str:
    return canonicalize_name(package).replace("-", "_")


def _version(specifier: str) -> str:
    exact = _EXACT.match(specifier)
    return exact.group(1) if exact else specifier


def _variable(name: str) -> str:
    return f"env_{name.lower()}"
