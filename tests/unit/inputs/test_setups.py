"""Setups with packages, interpreter, server, workers or environment of their own."""

from pathlib import Path

import pytest

from harness.base.errors import UnknownName, UsageError
from harness.inputs.catalog import Catalog
from harness.inputs.factors import differences, factors_of
from harness.inputs.locks import locked_versions
from harness.inputs.settings import ServerSettings, Setup
from harness.inputs.setups import Made, interpreter_version, is_same
from tests.toys.catalogs import repository_catalog

B, A = "django/next", "django/async-pool"
CATALOG = repository_catalog()
LOCKED = locked_versions(CATALOG.implementations["django"].lock_file)


def made(setup: Setup, workers: int = 1) -> Catalog:
    return CATALOG.with_setups({B: setup}, "a.toml", workers)


def changed(catalog: Catalog) -> dict[str, tuple[str, str]]:
    one, other = (factors_of(name, catalog.variant(name)) for name in (A, B))
    return differences(one, other)


def test_another_release_is_a_factor_and_has_an_environment_of_its_own() -> None:
    catalog = made(Setup(A, packages=("asgiref==3.11.1",)))
    b = catalog.variant(B)
    assert changed(catalog)["asgiref"][1] == "3.11.1"
    assert b.implementation == "django+next"
    own = catalog.implementations["django+next"]
    assert own.packages == ("asgiref==3.11.1",)
    assert own.folder == CATALOG.implementations["django"].folder
    assert catalog.variant(A).implementation == "django"


def test_a_package_without_a_factor_gets_one_in_every_variant_that_has_it() -> None:
    catalog = made(Setup(A, packages=("Django==6.0.1",)))
    assert changed(catalog) == {"django": (LOCKED["django"], "6.0.1")}
    assert "django" not in catalog.variant("flask/sqlalchemy").factors


@pytest.mark.parametrize(
    ("setup", "factor", "value"),
    [
        (Setup(A, python="3.12"), "python", "3.12"),
        (Setup(A, workers=4), "workers", "4"),
        (Setup(A, env={"DJANGO_MIDDLEWARE": "default"}), "env_django_middleware", "default"),
    ],
)
def test_each_change_is_one_factor(setup: Setup, factor: str, value: str) -> None:
    found = changed(made(setup))
    assert list(found) == [factor]
    assert found[factor][1] == value


def test_what_a_request_does_may_differ_only_where_a_setup_could_change_it() -> None:
    assert made(Setup(A, packages=("asgiref==3.11.1",))).variant(B).unforeseen
    assert not made(Setup(A, pool_size=4)).variant(B).unforeseen
    assert not made(Setup(A, server="granian-asgi")).variant(B).unforeseen


@pytest.mark.parametrize(
    ("setup", "words"),
    [
        (Setup(A, packages=("asgirf==3.11",)), ("does not use the package `asgirf`", "asgiref")),
        (Setup(A, packages=("not a requirement",)), ("no requirement", "asgiref==3.11.1")),
        (Setup(A, packages=("asgiref",)), ("no version", f"asgiref=={LOCKED['asgiref']}")),
        (Setup(A, packages=("asgiref @ file:///x",)), ("address",)),
        (Setup(A, packages=("../asgiref",)), ("no requirement", "PACKAGE @ ../asgiref")),
        (Setup(A, packages=("asgiref==3.1", "Asgiref==3.2")), ("`asgiref` twice",)),
        (Setup(A, server="gunicorn-gthread"), ("speaks WSGI", "needs ASGI", "gunicorn-gthread")),
        (Setup(A, server="gunicorn-aiohttp"), ("one framework", "needs ASGI")),
        (Setup(A, env={"PYTHONPATH": "/x"}), ("setups.django/next.env.PYTHONPATH",)),
        (Setup(A, env={"WORKERS": "4"}), ("WORKERS", "workers")),
    ],
)
def test_a_change_that_cannot_be_made_is_refused_with_what_can(
    setup: Setup, words: tuple[str, ...]
) -> None:
    with pytest.raises(UsageError) as caught:
        made(setup)
    text = str(caught.value)
    assert text.startswith("a.toml")
    assert all(word in text for word in words), text


def test_a_server_of_the_same_protocol_is_one_factor() -> None:
    sync = "django/sync-threads-pool"
    catalog = CATALOG.with_setups({B: Setup(sync, server="gunicorn-sync")}, "a.toml")
    one, other = (factors_of(n, catalog.variant(n)) for n in (sync, B))
    assert differences(one, other) == {"server": ("gunicorn-gthread", "gunicorn-sync")}


def test_a_connection_per_thread_needs_a_server_that_limits_its_threads() -> None:
    setup = Setup("django/sync-threads", server="gunicorn-gevent")
    with pytest.raises(UsageError, match=r"lacks \{threads\}.*a variant with a pool"):
        made(setup)


def test_a_server_that_the_lock_lacks_is_added_to_the_environment_alone() -> None:
    catalog = made(Setup(A, server="granian-asgi"))
    own = catalog.implementations[catalog.variant(B).implementation]
    assert own.name == "django+next"
    assert (own.packages, own.added) == ((), CATALOG.servers["granian-asgi"].requires)
    assert changed(catalog) == {"server": ("gunicorn-uvicorn", "granian-asgi")}


def test_a_server_that_the_lock_has_needs_no_environment_of_its_own() -> None:
    assert made(Setup(A, server="uvicorn")).variant(B).implementation == "django"


def test_another_release_of_a_server_that_is_added_can_be_named() -> None:
    catalog = made(Setup(A, server="granian-asgi", packages=("granian==2.8.0",)))
    own = catalog.implementations["django+next"]
    assert own.packages == ("granian==2.8.0",)
    with pytest.raises(UsageError, match="does not use the package `granian`"):
        made(Setup(A, packages=("granian==2.8.0",)))


def test_a_knob_is_a_factor_of_every_variant_whose_server_has_it() -> None:
    catalog = made(Setup(A, knobs={"access_log": "on"}))
    assert changed(catalog) == {"access_log": ("off", "on")}
    assert catalog.variant(B).knobs == {"access_log": "on"}
    assert catalog.variant("flask/sqlalchemy").factors["access_log"] == "off"
    assert "access_log" not in catalog.variant("aiohttp/asyncpg").factors


def test_a_knob_of_another_server_moves_with_it() -> None:
    catalog = made(Setup(A, server="uvicorn", knobs={"loop": "asyncio"}))
    assert catalog.variant(B).factors["loop"] == "asyncio"
    with pytest.raises(UsageError, match=r"setups\.django/next\.knobs.*no knob `loop`"):
        made(Setup(A, knobs={"loop": "asyncio"}))


def test_a_server_of_another_protocol_is_refused_with_those_that_fit() -> None:
    sync = next(v for v in CATALOG.variants.values() if v.server == "gunicorn-gthread")
    name = f"{sync.name.partition('/')[0]}/next"
    with pytest.raises(UsageError) as caught:
        CATALOG.with_setups({name: Setup(sync.name, server="gunicorn-uvicorn")}, "a.toml")
    told = str(caught.value)
    assert "speaks ASGI" in told
    assert "needs WSGI; choose one of: gunicorn-sync" in told
    aiohttp = next(v for v in CATALOG.variants.values() if v.server == "gunicorn-aiohttp")
    name = f"{aiohttp.name.partition('/')[0]}/next"
    with pytest.raises(UsageError, match="no other server fits it"):
        CATALOG.with_setups({name: Setup(aiohttp.name, server="gunicorn-uvicorn")}, "a.toml")


def test_an_unknown_server_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="gunicorn-uvicorn"):
        made(Setup(A, server="gunicorn-uvicron"))


def test_a_lock_is_read_by_canonical_names(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        "Typing_Extensions==4.1 \\\n    --hash=sha256:x\n    # via\nb==1 ; python > 3\n"
    )
    assert locked_versions(lock) == {"typing-extensions": "4.1", "b": "1"}


def test_a_setup_that_changes_nothing_is_known_for_it() -> None:
    origin, usual = CATALOG.variant(A), ServerSettings()
    a = Made(None, LOCKED)
    for setup in (
        Setup(A, packages=(f"asgiref=={LOCKED['asgiref']}",), env=dict(origin.env)),
        Setup(A, threads=usual.threads), Setup(A, python=interpreter_version()),
    ):  # fmt: skip
        assert is_same(a, Made(setup, LOCKED), origin, usual)
    for setup in (
        Setup(A, threads=4), Setup(A, python="3.9"), Setup(A, env={"NEW": "1"}),
        Setup(A, server="other"), Setup(A, packages=("asgiref @ built:0123",)),
    ):  # fmt: skip
        assert not is_same(a, Made(setup, LOCKED), origin, usual)
    assert not is_same(a, Made(Setup(A), LOCKED | {"asgiref": "3.11.1"}), origin, usual)
    assert not is_same(a, Made(Setup(A), LOCKED, {"access_log": "on"}), origin, usual)


def test_an_interpreter_is_a_version_that_fits() -> None:
    with pytest.raises(UsageError, match=r"no version; write e\.g\. '3"):
        made(Setup(A, python="three"))
    with pytest.raises(UsageError, match=r"requires Python >=3\.1[0-9]; choose one that fits"):
        made(Setup(A, python="3.9"))
    assert made(Setup(A, python="3.14t")).variant(B).factors["python"] == "3.14t"
