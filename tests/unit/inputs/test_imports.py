"""What an application imports, of folders written here."""

from pathlib import Path

import pytest

from harness.base.errors import UsageError
from harness.inputs.imports import all_names, imports_of


def lay_out(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def files_of(folder: Path, app: str = "app.main:app", **more: object) -> list[str]:
    return [str(path) for path in imports_of(folder, app, **more).files]  # type: ignore[arg-type]


def test_imports_are_followed_however_they_are_spelled(tmp_path: Path) -> None:
    """With the packages on the way; what is not imported stays behind."""
    lay_out(
        tmp_path,
        {
            "app/__init__.py": "",
            "app/main.py": "import app.a.deep\nfrom . import b\nfrom .c import C\nimport app.d",
            "app/a/__init__.py": "from ..e import x",
            "app/a/deep.py": "def late():\n    from app.f import y",
            **{f"app/{name}.py": "" for name in "bcdefg"},
            "app/via_other.py": "import django",
        },
    )
    kept = ["__init__", "a/__init__", "a/deep", "b", "c", "d", "e", "f", "main"]
    assert files_of(tmp_path) == [f"app/{name}.py" for name in kept]


def test_names_of_packages_are_those_imported_and_those_in_texts_but_not_in_descriptions(
    tmp_path: Path,
) -> None:
    text = (
        '"""Unlike granian."""\nimport a_b.c\nfrom psycopg.rows import d\n'
        'URL = "x+asyncpg://"\nENGINE = "q_r.s"\nOTHER = "waitress"'
    )
    lay_out(tmp_path, {"main.py": text, "other.py": "import django"})
    names = imports_of(tmp_path, "main:app").names
    assert {"a-b", "psycopg", "asyncpg", "q-r"} <= names
    assert not {"granian", "django", "waitress"} & names
    assert "django" in all_names(tmp_path)


def test_modules_that_texts_name_are_followed(tmp_path: Path) -> None:
    """As Django's settings do; an application brings its models."""
    lay_out(
        tmp_path,
        {
            "config/wsgi.py": 'set("config.settings")',
            "config/settings.py": 'APPS = ["posts"]\nURLS = "config.urls"\nH = "posts.bad.view"',
            "config/urls.py": "",
            **{f"posts/{name}.py": "" for name in ("__init__", "models", "bad", "views")},
        },
    )
    config = [f"config/{name}.py" for name in ("settings", "urls", "wsgi")]
    posts = [f"posts/{name}.py" for name in ("__init__", "bad", "models")]
    assert files_of(tmp_path, "config.wsgi:application") == [*config, *posts]


@pytest.mark.parametrize(("values", "kept"), [({"sync"}, ["sync"]), ({"other"}, ["async", "sync"])])
def test_a_name_with_a_gap_is_that_of_the_environment_or_all(
    tmp_path: Path, values: set[str], kept: list[str]
) -> None:
    lay_out(
        tmp_path,
        {"m.py": 'load(f"v.views_{kind}")', "v/views_sync.py": "", "v/views_async.py": ""},
    )
    assert files_of(tmp_path, "m", values=values) == [
        "m.py", *(f"v/views_{name}.py" for name in kept),
    ]  # fmt: skip


def test_files_that_the_servers_command_line_names_belong_to_it(tmp_path: Path) -> None:
    lay_out(tmp_path, {"conf.py": "import shared", "shared.py": "", "server.py": ""})
    argv = ("{python}", "--config", "conf.py", "-b", "{host}:{port}", "../x.py", "/etc/passwd")
    kept = ["conf.py", "server.py", "shared.py"]
    assert files_of(tmp_path, "server.py", argv=argv) == kept


def test_what_cannot_be_followed_is_told(tmp_path: Path) -> None:
    lay_out(tmp_path, {"app.py": "import broken", "broken.py": "def ("})
    with pytest.raises(UsageError, match=r"`nowhere` is no module of .*mend `app`"):
        imports_of(tmp_path, "nowhere:app")
    with pytest.raises(UsageError, match=r"broken\.py is no Python .*line 1"):
        imports_of(tmp_path, "app:app")


def test_an_environment_in_the_folder_is_no_part_of_it(tmp_path: Path) -> None:
    lay_out(tmp_path, {"app.py": "", ".venv/lib/site.py": "import django"})
    assert all_names(tmp_path) == frozenset()
