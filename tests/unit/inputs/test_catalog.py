from pathlib import Path

import msgspec
import pytest

from harness.base.errors import MalformedFile, UnknownName, UsageError
from harness.base.workspace import Workspace
from harness.inputs.catalog import Catalog, load_catalog
from harness.inputs.contract import check_endpoint
from harness.inputs.locks import lock_command
from harness.inputs.manifests import Expect
from harness.inputs.settings import ApplicationSettings, Setup
from harness.inputs.variables import CONTRACT

MANIFEST = """\
[project]
name = "bridgetoll-toy"
requires-python = ">=3.12"

[tool.bridgetoll]
title = "Toy"

[tool.bridgetoll.variants.plain]
title = "plain"
server = "gunicorn-uvicorn"
app = "app:main"
factors = { views = "async", pool = "pooled" }
env = { TOY = "1" }
tags = ["controlled"]

[tool.bridgetoll.variants.other-one]
title = "other"
server = "gunicorn-sync"
app = "app:main"
factors = {}
"""

LOCK = "".join(
    f"{package}==99.0\n"
    for package in ("gunicorn", "uvicorn", "uvicorn-worker", "httptools", "uvloop", "aiohttp")
)
"""The packages of servers that the manifests here name."""


def add(workspace: Workspace, manifest: str = MANIFEST, name: str = "toy") -> Path:
    """Put an implementation into the workspace; return its manifest."""
    folder = workspace.implementations / name
    folder.mkdir()
    (folder / "requirements.lock").write_text(LOCK)
    path = folder / "pyproject.toml"
    path.write_text(manifest)
    return path


def problem(workspace: Workspace) -> str:
    """Why the implementation `toy` cannot be read."""
    (error,) = load_catalog(workspace).broken.values()
    assert isinstance(error, MalformedFile)
    return str(error)


def servers_problem(workspace: Workspace) -> str:
    """Why the first server cannot be used, or none."""
    try:
        return str(next(iter(load_catalog(workspace).broken_servers.values())))
    except MalformedFile as error:
        return str(error)


@pytest.fixture(scope="session")
def real(repository: Workspace) -> Catalog:
    return load_catalog(repository)


def test_a_folder_is_the_registration(workspace: Workspace) -> None:
    path = add(workspace)
    catalog = load_catalog(workspace)
    variant = catalog.variant("toy/plain")
    assert list(catalog.variants) == ["toy/plain", "toy/other-one"]
    assert (variant.framework, variant.implementation) == ("Toy", "toy")
    assert variant.folder == path.parent
    assert variant.factors == {"views": "async", "pool": "pooled"}
    assert variant.env == {"TOY": "1"}
    assert variant.tags == ("controlled",)
    assert catalog.implementations["toy"].lock_file == path.with_name("requirements.lock")


def test_every_implementation_of_the_repository_can_be_read(
    real: Catalog, repository: Workspace
) -> None:
    folders = {path.parent.name for path in repository.implementations.glob("*/pyproject.toml")}
    assert set(real.implementations) == folders
    assert real.broken == {}
    assert len(folders) >= 5
    assert all(i.variants for i in real.implementations.values())


def test_select_takes_variants_folders_or_all(workspace: Workspace) -> None:
    add(workspace)
    add(workspace, name="second")
    catalog = load_catalog(workspace)

    def names(*asked: str) -> list[str]:
        return [v.name for v in catalog.select(list(asked))]

    assert names("second/plain") == ["second/plain"]
    assert names("toy") == ["toy/plain", "toy/other-one"]
    assert names("toy/other-one", "toy") == ["toy/other-one", "toy/plain"]  # each once
    assert names() == ["second/plain", "second/other-one", "toy/plain", "toy/other-one"]


BROKEN = MANIFEST.replace('title = "Toy"', "title = 3")


@pytest.fixture
def half_written(workspace: Workspace) -> Catalog:
    """One implementation that can be read, and `second`, which cannot."""
    add(workspace)
    add(workspace, BROKEN, "second")
    return load_catalog(workspace)


def test_a_half_written_folder_leaves_the_others_usable(half_written: Catalog) -> None:
    assert list(half_written.variants) == ["toy/plain", "toy/other-one"]
    assert [v.name for v in half_written.select([])] == ["toy/plain", "toy/other-one"]
    assert half_written.variant("toy/plain").name == "toy/plain"
    assert list(half_written.broken) == ["second"]


@pytest.mark.parametrize("name", ["second", "second/plain", "second/nope"])
def test_a_half_written_folder_is_an_error_for_its_own_variants(
    half_written: Catalog, name: str
) -> None:
    with pytest.raises(MalformedFile, match=r"second/pyproject\.toml: `tool\.bridgetoll\.title`"):
        half_written.select([name])
    with pytest.raises(MalformedFile, match=r"second/pyproject\.toml"):
        half_written.variant(name, "a.toml")


def test_a_setup_of_a_half_written_folder_is_its_error_too(half_written: Catalog) -> None:
    with pytest.raises(MalformedFile, match=r"second/pyproject\.toml"):
        half_written.with_setups({"second/small": Setup("second/plain")})
    kept = half_written.with_setups({"toy/small": Setup("toy/plain")})
    assert list(kept.broken) == ["second"]


@pytest.mark.parametrize("spoil", ["manifest", "lock", "folder"])
def test_a_folder_may_be_half_written_in_any_way(workspace: Workspace, spoil: str) -> None:
    add(workspace)
    manifest = add(workspace, name="second")
    match spoil:
        case "manifest":
            manifest.write_text("[project")
        case "lock":
            manifest.with_name("requirements.lock").unlink()
        case "folder":
            manifest.unlink()
            manifest.mkdir()
    catalog = load_catalog(workspace)
    assert list(catalog.implementations) == ["toy"]
    assert list(catalog.broken) == ["second"]


def test_unknown_variant_is_told_with_the_known_ones(workspace: Workspace) -> None:
    add(workspace)
    catalog = load_catalog(workspace)
    told = r"no variant `toy/plan`; choose one of: toy/other-one, toy/plain\."
    with pytest.raises(UnknownName, match=told):
        catalog.select(["toy/plan"])
    with pytest.raises(UnknownName, match=r"no variant `toy/plan` in a\.toml;"):
        catalog.variant("toy/plan", "a.toml")


def test_unknown_endpoint_is_told_with_the_known_ones() -> None:
    assert check_endpoint("io_read", "a.toml") == "io_read"
    with pytest.raises(
        UnknownName, match=r"no endpoint `io_raed` in a\.toml; .*io_fanout, io_read"
    ):
        check_endpoint("io_raed", "a.toml")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[tool.bridgetoll", "[tool.toll", "the table [tool.bridgetoll] is missing; add"),
        ('title = "Toy"', "title = 3", "`tool.bridgetoll.title` is 3; it must be "),
        (
            'title = "Toy"',
            'titel = ""',
            "unknown key `tool.bridgetoll.titel`; did you mean `title`? The allowed keys are",
        ),
        (
            'title = "plain"',
            'titel = "plain"',
            "unknown key `tool.bridgetoll.variants.plain.titel`; did you mean `title`? "
            "The allowed keys are: app, env, expect, factors, server, tags, title.",
        ),
        (
            'title = "plain"\n',
            "",
            "`tool.bridgetoll.variants.plain.title` is missing; add it",
        ),
        (
            'env = { TOY = "1" }',
            "env = { TOY = 1 }",
            "`tool.bridgetoll.variants.plain.env.TOY` is 1; it must be ",
        ),
        (
            'tags = ["controlled"]',
            'tags = ["fast"]',
            "item 1 of `tool.bridgetoll.variants.plain.tags`: no such tag 'fast'; the allowed ones "
            "are controlled, deployed",
        ),
        (
            'server = "gunicorn-sync"',
            'server = "nginx"',
            "`tool.bridgetoll.variants.other-one.server`: no server `nginx` in "
            "shared/servers.toml; it has cheroot, daphne, granian-asgi, granian-wsgi, ",
        ),
        ("variants.plain", "variants.Plain_1", "lower-case letters, digits and hyphens only"),
        ('requires-python = ">=3.12"', "", "`project.requires-python` is missing"),
        ('">=3.12"', '"three"', "`project.requires-python`: 'three' is no version range"),
        ('">=3.12"', '"<3"', "`project.requires-python` is '<3', and every implementation runs"),
        ("[project]", "tool = 3\n[project]", "not valid TOML: "),
    ],
)
def test_bad_manifest_is_one_sentence_that_names_file_and_key(
    workspace: Workspace, old: str, new: str, told: str
) -> None:
    path = add(workspace, MANIFEST.replace(old, new))
    message = problem(workspace)
    assert message.startswith(f"{path}: ")
    assert told in message
    assert message.endswith(".")


@pytest.mark.parametrize("key", ["tool", "project"])
def test_a_value_in_place_of_a_table_is_told(workspace: Workspace, key: str) -> None:
    rest = "[project]\n" if key == "tool" else "[tool.bridgetoll]\ntitle = 'T'\nvariants = {}\n"
    add(workspace, f"{key} = 3\n{rest}")
    assert f"`{key}` is 3; it must be a table" in problem(workspace)


def test_missing_lock_is_told_with_the_command_that_makes_it(workspace: Workspace) -> None:
    lock = add(workspace).with_name("requirements.lock")
    lock.unlink()
    assert problem(workspace).startswith(
        f"{lock}: no such file; make it with `uv --directory implementations/toy"
    )


def test_a_server_whose_package_the_lock_lacks_is_told_with_the_command(
    workspace: Workspace,
) -> None:
    path = add(workspace, MANIFEST.replace("gunicorn-uvicorn", "granian-asgi"))
    assert problem(workspace) == (
        f"{path}: `tool.bridgetoll.variants.plain.server` is `granian-asgi`, which needs "
        "`granian~=2.8`, and requirements.lock lacks `granian`; put it into "
        f"`project.dependencies`, then make the lock anew with `{lock_command('toy')}`."
    )
    path.with_name("requirements.lock").write_text(f"{LOCK}granian==1.0\n")
    assert "requirements.lock has granian 1.0; put it" in problem(workspace)
    path.write_text(
        path.read_text().replace("[tool.br", 'dependencies = ["granian~=2.8"]\n[tool.br', 1)
    )
    path.with_name("requirements.lock").write_text(LOCK)
    assert "requirements.lock lacks `granian`; make the lock anew with" in problem(workspace)


def test_a_factor_that_is_a_knob_of_the_server_is_refused(workspace: Workspace) -> None:
    said = changed(workspace, 'pool = "pooled"', 'access_log = "on"')
    assert said.startswith("factors.access_log`: it is a knob of the server `gunicorn-uvicorn`")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("keep_alive = false", "keepalive = false", "unknown key `gunicorn-sync.keepalive`"),
        (
            "keep_alive = false",
            'keep_alive = "no"',
            '`gunicorn-sync.keep_alive` is "no"; it must be true or false',
        ),
        ('protocol = "wsgi"', "", "`gunicorn-sync.protocol` is missing"),
        ('"wsgi"', '"wsgy"', '`gunicorn-sync.protocol` is "wsgy"'),
        ("{host}:{port}", "{host}:{prot}", "`gunicorn-sync.argv`: unknown placeholder {prot}; the"),
        ("{host}:{port}", "{host:{port}", "`gunicorn-sync.argv`: "),
        ("[gunicorn-sync]", "[gunicorn-sync", "not valid TOML"),
        ("{host}:{port}", "{host}:8000", "`gunicorn-sync.argv` lacks {port}, so the server would"),
        ("{host}:{port}", "here:{port}", "`gunicorn-sync.argv` lacks {host}, so the server would"),
        ("{host}:{port}", "unix:/tmp/s", "`gunicorn-sync.argv` lacks {host}"),
        *[
            (
                '"{host}:{port}"',
                f'"{{host}}:{{port}}", "--bind", "{there}:{{port}}"',
                f"argv`: '{there}:{{port}}' has the address {there}; write {{host}}.",
            )
            for there in ("0.0.0.0", "127.0.0.1", "10.1.2.3", "[::]", "[fe80::1]", "localhost")
        ],
        (
            '"{host}:{port}"',
            '"{host}:{port}", "--bind", ":{port}"',
            "`gunicorn-sync.argv`: ':{port}' listens on every address of the machine; write",
        ),
        (
            '"{host}:{port}"',
            '"{host}:{port}", "--bind", "{host}:9000"',
            "`gunicorn-sync.argv`: '{host}:9000' has a port of its own; write {host}:{port}.",
        ),
        ("{host}:{port}", "{host}:{port}\\u0000", "has a NUL; remove it."),
    ],
)
def test_bad_servers_file_is_one_sentence(
    workspace: Workspace, old: str, new: str, told: str
) -> None:
    path = workspace.shared / "servers.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    message = servers_problem(workspace)
    assert message.startswith(f"{path}: ")
    assert told in message


def test_a_broken_server_takes_only_its_own_variants_along(workspace: Workspace) -> None:
    add(workspace)
    add(workspace, MANIFEST.replace("gunicorn-uvicorn", "gunicorn-gthread", 1), "second")
    path = workspace.shared / "servers.toml"
    first = path.read_text().index('protocol = "asgi"')  # that of gunicorn-uvicorn
    path.write_text(path.read_text()[:first] + path.read_text()[first:].partition("\n")[2])
    catalog = load_catalog(workspace)
    assert catalog.broken == {}
    assert list(catalog.broken_servers) == ["gunicorn-uvicorn"]
    assert "second/plain" in catalog.variants
    assert "toy/plain" not in catalog.variants
    assert [v.name for v in catalog.select([])] == list(catalog.variants)
    with pytest.raises(MalformedFile, match=r"servers\.toml: `gunicorn-uvicorn\."):
        catalog.variant("toy/plain")


def test_server_without_a_command_is_refused(workspace: Workspace) -> None:
    path = workspace.shared / "servers.toml"
    path.write_text("[none]\nprotocol = 'asgi'\nkeep_alive = true\nargv = []\n")
    assert "`none.argv` is empty" in servers_problem(workspace)


def test_a_server_takes_what_its_command_line_has_a_place_for(real: Catalog) -> None:
    assert real.servers["gunicorn-gthread"].takes("threads")
    assert not real.servers["gunicorn-uvicorn"].takes("threads")
    of_one_process = {"daphne", "waitress", "cheroot"}
    without = {name for name, server in real.servers.items() if not server.takes("workers")}
    assert without == of_one_process


def changed(workspace: Workspace, old: str, new: str) -> str:
    """What is said of the manifest with that change, without its file and the variant's key."""
    assert old in MANIFEST
    path = add(workspace, MANIFEST.replace(old, new, 1))
    message = problem(workspace)
    assert message.endswith(".")
    assert "\n" not in message
    start = f"{path}: `tool.bridgetoll.variants.plain."
    assert message.startswith(start)
    return message.removeprefix(start)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("poold", "no such value 'poold'; the nearest is `pooled`, and the allowed ones are "
         "pooled, per-thread, per-request."),
        ("PER-THREAD", "no such value 'PER-THREAD'; "),
        ("mine", "no such value 'mine'; the allowed ones are pooled, per-thread, per-request."),
        ("", "no such value ''; the allowed ones are"),
    ],
)  # fmt: skip
def test_a_value_that_would_switch_a_rule_off_is_refused_with_the_nearest(
    workspace: Workspace, value: str, told: str
) -> None:
    said = changed(workspace, 'pool = "pooled"', f'pool = "{value}"')
    assert said.startswith(f"factors.pool`: {told}")


@pytest.mark.parametrize(
    ("factor", "told"),
    [
        ('views = "asynchronous"', "factors.views`: no such value 'asynchronous'; "),
        ('views = "async", bridge = "per_query"', "factors.bridge`: no such value 'per_query'; the "
         "nearest is `per-query`, and the allowed ones are none, per-query, "),
        ('views = "async", Pool = "none"', "factors.Pool`: no such factor 'Pool'; the "
         "nearest is `pool`, and the allowed ones are framework, views, "),
        ('views = "async", server = "granian"', "factors.server`: it is the manifest's key"),
        ('views = "async", database_connections = "4"', "factors.database_connections`: a study's "
         "setups make it; remove it."),
        ('views = "async", extra_hops = "many"', "factors.extra_hops`: 'many' is no whole number"),
        ('views = "async", extra_hops = "-1"', "factors.extra_hops`: '-1' is no whole number"),
        ('views = "async", extra_hops = "02"', "factors.extra_hops`: '02' is no whole number"),
        ('views = "async", extra_hops = "4"', "env.EXTRA_HOPS` is missing, and the factor "
         "`extra_hops` is '4'; add it."),
    ],
)  # fmt: skip
def test_a_factor_that_the_harness_cannot_hold_a_variant_to_is_refused(
    workspace: Workspace, factor: str, told: str
) -> None:
    assert changed(workspace, 'views = "async"', factor).startswith(told)


def test_a_value_is_read_once_the_vocabulary_has_it(workspace: Workspace) -> None:
    """A new framework needs a line of data, and no change in the harness."""
    add(workspace, MANIFEST.replace('views = "async"', 'views = "async", data = "oracle-thin"'))
    said = str(load_catalog(workspace).broken["toy"])
    assert "factors.data`: no such value 'oracle-thin'; the allowed ones are asyncpg, " in said
    words = workspace.shared / "factors.toml"
    text = words.read_text(encoding="utf-8")
    line = 'values.asyncpg = "asyncpg"\n'
    words.write_text(text.replace(line, f'{line}values.oracle-thin = "Oracle"\n'))
    assert load_catalog(workspace).variant("toy/plain").factors["data"] == "oracle-thin"


@pytest.mark.parametrize(
    ("env", "told"),
    [
        *[
            (f'{name} = "1"', f"env.{name}` is the contract's, and every variant of a study must "
             "get the same value; remove it, and set it for all in a study's `[server]`.")
            for name in ("DATABASE_URL", "POOL_SIZE", "POOL_TIMEOUT", "CPU_ITERATIONS", "WAIT_MS",
                         "pool_size", "Wait_Ms")
        ],
        *[
            (f'{name} = "1"', f"env.{name}` sets workers, threads, address or limits of a server "
             "behind its command line; remove it, and write the option into the server's `argv` "
             "in shared/servers.toml.")
            for name in ("WEB_CONCURRENCY", "GUNICORN_CMD_ARGS", "UVICORN_WORKERS", "PORT", "HOST",
                         "GRANIAN_WORKERS", "HYPERCORN_BIND", "UWSGI_THREADS", "web_concurrency")
        ],
        *[
            (f'{name} = "1"', f"env.{name}` loads code from outside the folder and its lock file")
            for name in ("PYTHONPATH", "LD_PRELOAD", "LD_LIBRARY_PATH", "PYTHONHOME", "PATH")
        ],
        ('PGOPTIONS = "-c fsync=off"', "env.PGOPTIONS` sets options of the database connection"),
        ('PYTHON_CPU_COUNT = "1"', "env.PYTHON_CPU_COUNT` tells the interpreter another number"),
        ('BRIDGETOLL_AUDIT = "/tmp"', "env.BRIDGETOLL_AUDIT` is the audit's own; rename it."),
        ('EXTRA_HOPS = "3"', "env.EXTRA_HOPS` is '3', and the factor `extra_hops` is '0'; call it "
         "EXTRA_HOPS and give both the same number."),
        ('extra_hops = "0"', "env.extra_hops` is '0', and the factor `extra_hops` is '0'; call"),
        ('"A=B" = "1"', "env.A=B` is no name of a variable; use letters, digits and underscores."),
        ('"" = "1"', "env.` is no name of a variable"),
        ('TOY = "\\u0000"', "env.TOY` has a NUL in its value, which no variable can hold"),
    ],
)  # fmt: skip
def test_a_variable_that_would_change_what_all_must_share_is_refused(
    workspace: Workspace, env: str, told: str
) -> None:
    assert changed(workspace, 'TOY = "1"', env).startswith(told)


def test_every_variable_of_the_contract_is_known_to_be_its() -> None:
    settings = ApplicationSettings("postgresql://", 1, 1.0, 1, 1)
    assert settings.environment().keys() == CONTRACT


@pytest.mark.parametrize(
    "env",
    ['DJANGO_ALLOW_ASYNC_UNSAFE = "1"', 'PYTHONOPTIMIZE = "2"', 'MALLOC_ARENA_MAX = "1"',
     'DJANGO_SETTINGS_MODULE = "x"', 'PYTHONHASHSEED = "0"'],
)  # fmt: skip
def test_a_variants_own_switches_are_its_own(workspace: Workspace, env: str) -> None:
    add(workspace, MANIFEST.replace('TOY = "1"', env))
    assert load_catalog(workspace).variant("toy/plain").env


def test_extra_hops_are_read_where_factor_and_variable_agree(workspace: Workspace) -> None:
    text = MANIFEST.replace('views = "async"', 'views = "async", extra_hops = "3"')
    add(workspace, text.replace('TOY = "1"', 'EXTRA_HOPS = "3"'))
    assert load_catalog(workspace).variant("toy/plain").env == {"EXTRA_HOPS": "3"}


@pytest.mark.parametrize("app", ["", "--workers=4", "-w4", "a\\u0000b"])
def test_an_application_that_is_an_option_of_the_server_is_refused(
    workspace: Workspace, app: str
) -> None:
    said = changed(workspace, 'app = "app:main"', f'app = "{app}"')
    assert said.startswith("app`: ")
    assert "names no application; write e.g. 'app.main:app'" in said


@pytest.mark.parametrize("app", ["../other/server.py", "/srv/app.py", "a/../../server.py"])
def test_an_application_outside_the_implementations_folder_is_refused(
    workspace: Workspace, app: str
) -> None:
    said = changed(workspace, 'app = "app:main"', f'app = "{app}"')
    assert f"app` is `{app}`, which leaves the implementation's folder" in said


def test_connections_per_thread_need_a_server_that_is_told_how_many(workspace: Workspace) -> None:
    said = changed(workspace, 'pool = "pooled"', 'pool = "per-thread"')
    assert said.startswith(
        "factors.pool` is 'per-thread', and the command line of `gunicorn-uvicorn` lacks {threads}"
    )


def expecting(text: str) -> str:
    """The manifest with this as the plain variant's `expect`."""
    return MANIFEST.replace("tags =", f"expect = {{ {text} }}\ntags =")


def test_what_a_variant_says_that_a_request_takes_is_read(workspace: Workspace) -> None:
    add(workspace, expecting("hops = { every = 2, io_read = 4 }, threads = 1"))
    catalog = load_catalog(workspace)
    wanted = Expect(hops={"every": 2, "io_read": 4}, threads=1)
    assert catalog.variant("toy/plain").expect == wanted
    assert catalog.variant("toy/other-one").expect == Expect()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "hop = 1",
            "unknown key `tool.bridgetoll.variants.plain.expect.hop`; did you mean `hops`? "
            "The allowed keys are: connects, hops, loops, round_trips, statements, threads, "
            "transactions.",
        ),
        (
            "hops = { every = 1, io_raed = 1 }",
            "`tool.bridgetoll.variants.plain.expect.hops`: unknown endpoint `io_raed`; did "
            "you mean `io_read`? The allowed keys are: every, health, noop, cpu, io_create, "
            "io_read, io_fanout, io_wait.",
        ),
        (
            "round_trips = { all = 1 }",
            "`tool.bridgetoll.variants.plain.expect.round_trips`: unknown endpoint `all`; the",
        ),
        (
            "threads = -1",
            "`tool.bridgetoll.variants.plain.expect.threads` is -1; it must be a whole number",
        ),
        ("loops = { cpu = -1 }", "`tool.bridgetoll.variants.plain.expect.loops"),
        (
            "connects = 0.5",
            "`tool.bridgetoll.variants.plain.expect.connects` is 0.5; it must be a whole number",
        ),
    ],
)
def test_an_expectation_that_cannot_be_meant_is_one_sentence(
    workspace: Workspace, text: str, told: str
) -> None:
    path = add(workspace, expecting(text))
    message = problem(workspace)
    assert message.startswith(f"{path}: {told}")
    assert message.endswith(".")


def toy_catalog(workspace: Workspace, pool: str = "pooled") -> Catalog:
    """Of the manifest, whose plain variant pools so, on a server that has threads."""
    manifest = MANIFEST.replace("gunicorn-uvicorn", "gunicorn-gthread")
    add(workspace, manifest.replace('pool = "pooled"', f'pool = "{pool}"'))
    return load_catalog(workspace)


def test_a_setup_is_its_variant_under_a_name_of_its_own(workspace: Workspace) -> None:
    catalog = toy_catalog(workspace)
    origin = catalog.variant("toy/plain")
    made = catalog.with_setups({"toy/small": Setup("toy/plain", pool_size=4)})
    assert list(made.variants) == ["toy/plain", "toy/other-one", "toy/small"]
    assert made.variant("toy/plain") == origin
    assert made.variant("toy/small") == msgspec.structs.replace(
        origin,
        name="toy/small",
        title="plain; pool size 4",
        factors=origin.factors | {"database_connections": "4"},
    )


def test_setups_leave_the_catalog_itself_as_it_was(workspace: Workspace) -> None:
    catalog = toy_catalog(workspace)
    catalog.with_setups({"toy/small": Setup("toy/plain")})
    assert list(catalog.variants) == ["toy/plain", "toy/other-one"]
    assert catalog.with_setups({}) == catalog


def test_several_setups_of_one_variant_stand_beside_each_other(workspace: Workspace) -> None:
    catalog = toy_catalog(workspace)
    setups = {"toy/small": Setup("toy/plain", pool_size=4), "toy/large": Setup("toy/plain")}
    made = catalog.with_setups(setups)
    assert list(made.variants)[2:] == ["toy/small", "toy/large"]
    assert {made.variant(name).implementation for name in setups} == {"toy"}


@pytest.mark.parametrize(
    ("setup", "title"),
    [
        (Setup("toy/plain", title="A small one", pool_size=4), "A small one"),
        (Setup("toy/plain"), "plain; as it is"),
        (
            Setup("toy/plain", threads=2, pool_size=4, max_connections=30),
            "plain; threads 2, pool size 4, max connections 30",
        ),
    ],
)
def test_a_setup_without_a_title_is_told_by_its_settings(
    workspace: Workspace, setup: Setup, title: str
) -> None:
    made = toy_catalog(workspace).with_setups({"toy/small": setup})
    assert made.variant("toy/small").title == title


@pytest.mark.parametrize(
    ("pool", "connections"), [("pooled", "4"), ("per-thread", "2"), ("per-request", "30")]
)
def test_how_many_connections_a_setup_holds_at_most_is_a_factor_by_the_kind_of_its_pool(
    workspace: Workspace, pool: str, connections: str
) -> None:
    setup = Setup("toy/plain", threads=2, pool_size=4, max_connections=30)
    made = toy_catalog(workspace, pool).with_setups({"toy/small": setup})
    factors = {"views": "async", "pool": pool, "database_connections": connections}
    assert made.variant("toy/small").factors == factors


@pytest.mark.parametrize(
    ("pool", "setup"),
    [
        ("pooled", Setup("toy/plain", threads=2, max_connections=30)),
        ("per-thread", Setup("toy/plain", pool_size=4, max_connections=30)),
        ("per-request", Setup("toy/plain", threads=2, pool_size=4)),
    ],
)
def test_settings_that_bound_no_connections_are_no_factor(
    workspace: Workspace, pool: str, setup: Setup
) -> None:
    made = toy_catalog(workspace, pool).with_setups({"toy/small": setup})
    assert made.variant("toy/small").factors == {"views": "async", "pool": pool}


def test_a_variant_that_does_not_say_how_it_pools_is_taken_to_pool(workspace: Workspace) -> None:
    made = toy_catalog(workspace).with_setups({"toy/small": Setup("toy/other-one", pool_size=4)})
    assert made.variant("toy/small").factors == {"database_connections": "4"}


@pytest.mark.parametrize("unknown", ["toy/plan", "toy/small", "toy"])
def test_a_setup_of_no_variant_of_the_catalog_is_told_with_those_that_it_has(
    workspace: Workspace, unknown: str
) -> None:
    """Another setup is none of them."""
    setups = {"toy/small": Setup("toy/plain"), "toy/smaller": Setup(unknown)}
    with pytest.raises(UnknownName) as caught:
        toy_catalog(workspace).with_setups(setups, "a.toml")
    assert str(caught.value).startswith(
        f"There is no variant `{unknown}` in a.toml; choose one of: toy/other-one, toy/plain."
    )


def refusal(workspace: Workspace, name: str, where: str | None = "a.toml") -> str:
    """What is said of a setup of that name."""
    with pytest.raises(UsageError) as caught:
        toy_catalog(workspace).with_setups({name: Setup("toy/plain")}, where)
    return str(caught.value)


@pytest.mark.parametrize(
    "name", ["toy/plain", "toy/other-one", "other/small", "small", "toy", "toy/small/er", ""]
)
def test_a_setup_is_called_by_its_variants_folder_and_a_word_that_is_not_taken(
    workspace: Workspace, name: str
) -> None:
    assert refusal(workspace, name) == (
        f"a.toml: `setups.{name}` must be called `toy/` and a word that no variant of it has, "
        "of lower-case letters, digits and single hyphens, because it is a setup of toy/plain."
    )


@pytest.mark.parametrize(
    "name",
    ["toy/", "toy/Small", "toy/two words", "toy/plain~2", "toy/plain#duplicate", "toy/a*", "toy/é"],
)
def test_a_setups_word_is_made_as_a_variants_is(workspace: Workspace, name: str) -> None:
    """It stands in names of files, where some characters tell attempts and the duplicate."""
    assert refusal(workspace, name).startswith(f"a.toml: `setups.{name}`")


def test_without_a_file_the_study_is_named(workspace: Workspace) -> None:
    assert refusal(workspace, "small", None).startswith("study: `setups.small` must be called")


@pytest.mark.parametrize("name", ["My App", "Toy", "-toy", "toy_", "tóy", "x" * 61])
def test_a_folder_whose_name_cannot_be_a_variants_breaks_itself_alone(
    workspace: Workspace, name: str
) -> None:
    add(workspace)
    add(workspace, name=name)
    catalog = load_catalog(workspace)
    assert list(catalog.implementations) == ["toy"]
    assert "the folder's name " in str(catalog.broken[name])


def test_names_too_long_for_a_file_are_refused(workspace: Workspace) -> None:
    long = "x" * 77
    add(workspace, MANIFEST.replace("variants.plain", f"variants.{long}"))
    assert "has 81 characters, and at most 80 are allowed; shorten it" in problem(workspace)


def test_the_name_of_a_setup_too_long_for_a_file_is_refused(workspace: Workspace) -> None:
    assert "has 81 characters, and at most 80" in refusal(workspace, f"toy/{'x' * 77}")


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('title = "plain"', 'title = "a\\nb"', "variants.plain.title"),
        ('title = "Toy"', 'title = ""', "title"),
    ],
)
def test_a_text_that_no_table_or_command_line_can_hold_is_refused(
    workspace: Workspace, old: str, new: str, key: str
) -> None:
    add(workspace, MANIFEST.replace(old, new, 1))
    told = problem(workspace)
    assert f"`tool.bridgetoll.{key}` is " in told
    assert told.endswith("it must be one line of 1 to 300 characters.")
