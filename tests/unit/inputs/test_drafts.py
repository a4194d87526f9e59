"""What `bridgetoll new` writes, before anything is on disk."""

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from harness.base.errors import UnknownName, UsageError
from harness.base.workspace import Workspace
from harness.inputs.catalog import Catalog, load_catalog
from harness.inputs.drafts import (
    SKELETONS,
    Draft,
    check_new_name,
    check_packages,
    draft_empty,
    draft_like,
)
from harness.inputs.imports import imports_of
from harness.inputs.manifests import Variant


@pytest.fixture(scope="module")
def real(repository: Workspace) -> Catalog:
    return load_catalog(repository)


def manifest_of(draft: Draft) -> str:
    return draft.files[Path("pyproject.toml")].decode()


def written(draft: Draft, workspace: Workspace, versions: str = "") -> Variant:
    """The variant of a draft, read back from disk; versions: of its lock, if it brings none."""
    folder = workspace.implementations / draft.name
    folder.mkdir()
    draft.write(folder)
    if versions:
        (folder / "requirements.lock").write_text(versions)
    catalog = load_catalog(workspace)
    assert catalog.broken == {}
    (variant,) = catalog.implementations[draft.name].variants
    return variant


def test_a_copy_has_the_variants_modules_and_packages_and_no_others(real: Catalog) -> None:
    draft = draft_like("mine", real.variant("starlette/asyncpg"), real)
    names = {str(path) for path in draft.files}
    assert {"app/main_asyncpg.py", "app/via_asyncpg.py", "app/factory.py", "README.md"} <= names
    assert not {name for name in names if "django" in name or "psycopg" in name or "/orm/" in name}
    packages = " ".join(tomllib.loads(manifest_of(draft))["project"]["dependencies"])
    assert all(name in packages for name in ("starlette", "asyncpg", "uvloop", "gunicorn"))
    assert not [name for name in ("django", "psycopg", "sqlalchemy") if name in packages]
    assert draft.files[Path("requirements.lock")].count(b"starlette==") == 1  # its versions stay


def test_a_copy_of_django_on_threads_lacks_what_its_async_variants_use(real: Catalog) -> None:
    draft = draft_like("mine", real.variant("django/sync-threads"), real)
    names = {str(path) for path in draft.files}
    assert {"posts/views_sync.py", "posts/models.py", "config/settings.py"} <= names
    assert not {"posts/views_async.py", "posts/views_native.py", "config/asgi.py"} & names
    packages = " ".join(tomllib.loads(manifest_of(draft))["project"]["dependencies"])
    assert "django~=" in packages
    assert "psycopg[binary,pool]" in packages
    assert not [name for name in ("uvicorn", "asyncpg", "sqlalchemy") if name in packages]


NAMED_IN_MANY_WAYS = ("aiohttp/sqlalchemy", "django/native-orm", "flask/sqlalchemy")
"""By a function, by Django's settings, and by the package alone."""


def test_a_copy_can_be_read_and_is_complete(real: Catalog, workspace: Workspace) -> None:
    """It imports all that the original does, and has what the original has but name and title."""
    for number, name in enumerate(NAMED_IN_MANY_WAYS):
        origin = real.variant(name)
        draft = draft_like(f"mine-{number}", origin, real)
        copy = written(draft, workspace)
        assert copy.name == f"mine-{number}/{origin.name.partition('/')[2]}"
        assert copy.framework == f"Mine {number}"
        for key in ("title", "server", "app", "factors", "env", "tags", "expect"):
            assert getattr(copy, key) == getattr(origin, key)
        argv = real.servers[origin.server].argv
        files = [imports_of(v.folder, v.app, argv, set(v.env.values())) for v in (origin, copy)]
        assert files[0] == files[1]


@pytest.mark.parametrize("server", ["gunicorn-gthread", "gunicorn-uvicorn"])
def test_an_empty_one_speaks_its_servers_protocol_and_has_its_packages(
    real: Catalog, workspace: Workspace, server: str
) -> None:
    draft = draft_empty("mine", server, real)
    needed = {Requirement(text).name for text in real.servers[server].fitted({}).requires}
    variant = written(draft, workspace, "".join(f"{name}==99\n" for name in needed))
    assert (variant.server, variant.framework) == (server, "Mine")
    dependencies = tomllib.loads(manifest_of(draft))["project"]["dependencies"]
    assert needed < {Requirement(text).name for text in dependencies}
    names = {str(path) for path in draft.files}
    assert {"app/main.py", "app/posts.py", "app/settings.py", "app/forms.py"} <= names


def test_an_empty_one_has_the_files_that_its_servers_command_line_names(real: Catalog) -> None:
    draft = draft_empty("mine", "gunicorn-sync-2022", real)
    assert Path("gunicorn_of_2022.py") in draft.files


def test_packages_of_the_framework_stand_in_the_manifest_with_the_release_of_the_lock(
    real: Catalog, tmp_path: Path
) -> None:
    packages = ["pyramid", "webob~=1.8.0", "Gunicorn==99.1", "orjson"]
    draft = draft_empty("mine", "gunicorn-gthread", real, packages)
    draft.write(tmp_path)
    pins = "pyramid==2.1\nwebob==1.8.11\ngunicorn==99.1\norjson==3.13.7.post1\n"
    (tmp_path / "requirements.lock").write_text(pins)
    draft.pin(tmp_path)
    project = tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]
    assert project["dependencies"] == [
        "Gunicorn==99.1", "orjson~=3.13", "psycopg[binary,pool]~=3.3", "pyramid~=2.1",
        "webob~=1.8.0",
    ]  # fmt: skip


def test_a_draft_says_what_the_new_framework_replaces(real: Catalog) -> None:
    copy = draft_like("mine", real.variant("starlette/asyncpg"), real, ["lilya"])
    assert "still Starlette's" in copy.todo
    assert '"lilya"' in manifest_of(copy)
    stubs = draft_empty("mine", "uvicorn", real).files[Path("app/main.py")].decode()
    assert stubs.count('return not_written("') == 6
    assert "six stubs" in draft_empty("mine", "uvicorn", real).todo


@pytest.mark.parametrize("text", ["", "my framework", "../mine", "mine @ https://a.example/m.whl"])
def test_what_is_no_package_of_an_index_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"names no package; write .*--with"):
        check_packages(["pyramid", text])


def test_the_two_skeletons_differ_in_nothing_that_has_no_protocol() -> None:
    for name in ("settings.py", "forms.py"):
        one, other = (SKELETONS / p / "app" / name for p in ("asgi", "wsgi"))
        assert one.read_text() == other.read_text()


def test_a_server_that_does_not_fit_is_refused_with_those_that_do(real: Catalog) -> None:
    with pytest.raises(UnknownName, match="nearest is `gunicorn-gthread`"):
        draft_empty("mine", "gunicorn-gthred", real)
    with pytest.raises(UsageError, match=r"one framework's .*--like aiohttp/.*gunicorn-uvicorn"):
        draft_empty("mine", "gunicorn-aiohttp", real)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("My App", "call it e.g. `my-app`"),
        ("a/b", "call it e.g. `a-b`"),
        ("-", "call it e.g. `mine`"),
        ("x" * 61, "has 61 characters"),
        ("taken", "exists; choose another name"),
    ],
)
def test_a_name_that_cannot_be_is_refused(tmp_path: Path, name: str, told: str) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(UsageError, match=told):
        check_new_name(name, tmp_path)
    check_new_name("mine", tmp_path)


def test_a_variants_name_that_gets_too_long_is_refused(real: Catalog) -> None:
    word = "native-orm-stock-lifecycle-no-receivers-reused-threads"
    with pytest.raises(UsageError, match="at most 80"):
        draft_like("x" * 60, real.variant(f"django/{word}"), real)
