"""Variants that a study makes of others: with settings, packages, a server of their own."""

import platform
import re
from collections.abc import Mapping

import msgspec
from packaging.utils import canonicalize_name

from harness.base.errors import UnknownName, UsageError, plain
from harness.inputs.factors import PER_REQUEST, PER_THREAD, WITHOUT_SAYING, factors_of, pool_of
from harness.inputs.locks import locked_versions, requirement
from harness.inputs.manifests import VARIANT_NAME, Implementation, Variant
from harness.inputs.names import LONGEST_VARIANT
from harness.inputs.servers import Server
from harness.inputs.settings import Setup
from harness.inputs.variables import variable_problem

UNSET = "unset"
"""The value of a factor for an environment variable that a variant does not set."""
_PYTHON = re.compile(r"3\.[0-9]{1,2}t?")
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
        UsageError: a requirement or an environment variable cannot be used.
    """
    at = f"{where}: `setups.{plain(name)}"
    if setup.server is not None and setup.server not in servers:
        raise UnknownName("server", setup.server, list(servers), f"{at}.server`")
    if setup.python is not None and not _PYTHON.fullmatch(setup.python):
        raise UsageError(
            f"{at}.python` is {plain(setup.python)!r}, which is no version; write e.g. '3.12'."
        )
    env = {**origin.env, **setup.env}
    hops = factors_of(origin.name, origin).get("extra_hops", WITHOUT_SAYING["extra_hops"])
    if problem := variable_problem(env, hops):
        variable, why = problem
        raise UsageError(f"{at}.env.{variable}`: {why}.")
    wanted = [requirement(text, home.lock_file, f"{at}.packages`") for text in setup.packages]
    own = None
    if setup.packages or setup.python is not None:
        own = msgspec.structs.replace(
            home,
            name=f"{home.name}+{name.partition('/')[2]}",
            title=f"{home.title}, {name}",
            variants=(),
            packages=setup.packages,
            python=setup.python,
        )
    told = ", ".join(_told(setup))
    made = msgspec.structs.replace(
        origin,
        name=name,
        title=setup.title or f"{origin.title}; {told or 'as it is'}",
        implementation=origin.implementation if own is None else own.name,
        server=setup.server or origin.server,
        env=env,
        unforeseen=bool(setup.packages or setup.python or setup.server or setup.env),
        factors=origin.factors
        | _connections(setup, origin)
        | {_factor(w.name): w.url or _version(str(w.specifier)) for w in wanted}
        | ({} if setup.python is None else {"python": setup.python})
        | ({} if setup.workers is None else {"workers": str(setup.workers)})
        | {_variable(variable): value for variable, value in setup.env.items()},
    )
    return made, own


def is_same(setup: Setup, origin: Variant, home: Implementation) -> bool:
    """Whether a setup gives its variant nothing but what it has: then a comparison is an A/A."""
    locked = locked_versions(home.lock_file)
    same = [setup.python in (None, ".".join(platform.python_version_tuple()[:2]))]
    same += [setup.server in (None, origin.server), not setup.settings]
    same += [origin.env.get(name) == value for name, value in setup.env.items()]
    for text in setup.packages:
        name, _, version = text.partition("==")
        same.append(locked.get(canonicalize_name(name.strip())) == version.strip())
    return all(same)


def usual_factors(
    variant: Variant, home: Implementation, setups: Mapping[str, Setup], workers: int
) -> dict[str, str]:
    """What a variant has of the factors that some setup of the study sets.

    So that it differs in them: the locked version, this interpreter, the study's workers.

    Args:
        variant, home: of which factors are asked.
        setups: of the study, by name.
        workers: that every other variant is given.
    """
    found: dict[str, str] = {}
    locked = locked_versions(home.lock_file)
    for setup in setups.values():
        for text in setup.packages:
            package = canonicalize_name(re.split(r"[^A-Za-z0-9._-]", text, maxsplit=1)[0])
            if package in locked:
                found[_factor(package)] = locked[package]
        if setup.python is not None:
            found["python"] = ".".join(platform.python_version_tuple()[:2])
        if setup.workers is not None:
            found["workers"] = str(workers)
        found |= {_variable(name): variant.env.get(name, UNSET) for name in setup.env}
    return found | variant.factors


def _told(setup: Setup) -> list[str]:
    """What a setup changes, each in a few words."""
    told = [f"{key.replace('_', ' ')} {value}" for key, value in setup.settings.items()]
    told += list(setup.packages)
    told += [] if setup.python is None else [f"Python {setup.python}"]
    told += [] if setup.server is None else [f"on {setup.server}"]
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
