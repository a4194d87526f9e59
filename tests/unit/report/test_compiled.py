"""Compiled templates: taken from the cache while nothing has changed, and made again otherwise."""

from collections.abc import Sequence
from pathlib import Path

import jinja2
import pytest

from harness.report.compiled import CompiledTemplates

FOLDER, WAYS = "compiled", ("3.1", "escaped")


def environment(folder: Path, ways: Sequence[str] = WAYS) -> jinja2.Environment:
    """A new one, as in another process."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        bytecode_cache=CompiledTemplates(folder / FOLDER, ways),
    )


def compiled(of: jinja2.Environment, monkeypatch: pytest.MonkeyPatch) -> tuple[str, int]:
    """The page, and how many templates were compiled for it."""
    count, original = 0, jinja2.Environment.compile

    def counted(self: jinja2.Environment, *arguments: object, **named: object) -> object:
        nonlocal count
        count += 1
        return original(self, *arguments, **named)  # type: ignore[call-overload]

    with monkeypatch.context() as patch:
        patch.setattr(jinja2.Environment, "compile", counted)
        return of.get_template("page.html").render(name="a & b"), count


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page that has been compiled once."""
    (tmp_path / "page.html").write_text("Hello {{ name }}")
    assert compiled(environment(tmp_path), monkeypatch) == ("Hello a &amp; b", 1)
    return tmp_path


def test_what_was_compiled_is_not_compiled_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert compiled(environment(folder), monkeypatch) == ("Hello a &amp; b", 0)


def test_a_changed_template_is_compiled_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "page.html").write_text("Bye {{ name }}")
    assert compiled(environment(folder), monkeypatch) == ("Bye a &amp; b", 1)


def test_other_options_or_another_jinja_compile_for_themselves(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert compiled(environment(folder, ("3.2", "escaped")), monkeypatch)[1] == 1
    assert compiled(environment(folder), monkeypatch)[1] == 0


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_damaged_file_is_made_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    (path,) = (folder / FOLDER).iterdir()
    body = path.read_bytes()
    path.write_bytes(body[: int(share * len(body))])
    assert compiled(environment(folder), monkeypatch) == ("Hello a &amp; b", 1)
    assert path.read_bytes() == body


def test_without_a_cache_it_is_compiled_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "page.html").write_text("Hello {{ name }}")
    (tmp_path / FOLDER).touch()
    for _ in range(2):
        assert compiled(environment(tmp_path), monkeypatch) == ("Hello a &amp; b", 1)
