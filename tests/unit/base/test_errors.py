from pathlib import Path

import pytest

from harness.base import errors
from harness.base.errors import BridgetollError, MalformedFile, UnknownName, UsageError, nearest


def test_every_error_is_for_a_reader() -> None:
    """Whatever is defined as an exception here is a BridgetollError, so the CLI can print it."""
    found = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, Exception)]
    assert len(found) > 5
    assert all(issubclass(e, BridgetollError) for e in found)


@pytest.mark.parametrize("kind", [UsageError, UnknownName, MalformedFile])
def test_mistakes_of_the_user_exit_with_2(kind: type[BridgetollError]) -> None:
    assert kind.exit_status == 2


def test_failures_of_the_machine_exit_with_1() -> None:
    assert errors.ServerFailed("x").exit_status == 1


def test_unknown_name_lists_what_there_is_in_order() -> None:
    error = UnknownName("variant", "nope", ["b", "a"], "quick.toml")
    assert str(error) == "There is no variant `nope` in quick.toml; choose one of: a, b."


def test_unknown_name_says_so_when_there_is_nothing_to_choose_from() -> None:
    told = str(UnknownName("run", "x", []))
    assert told == "There is no run `x`; no run is kept yet: make one with `bridgetoll run`."


def test_unknown_name_names_the_nearest_first() -> None:
    error = UnknownName("endpoint", "io_raed", ["io_create", "io_read", "noop", "cpu", "io_fanout"])
    assert "; the nearest is `io_read`. Choose one of: cpu, io_create," in str(error)


def test_the_beginning_of_a_name_is_near_to_the_last_name_that_has_it() -> None:
    known = ["quick-20261121-100000", "quick-20261128-200751", "bridge-20261121-194531", "a", "b"]
    assert nearest("quick", known) == "quick-20261128-200751"
    assert nearest("qu", known) is None
    assert "; the nearest is `quick-20261128-200751`." in str(UnknownName("run", "quick", known))


def test_of_many_names_only_the_nearest_are_told_and_how_to_list_all() -> None:
    known = [f"django/arm-{n}" for n in range(20)] + ["flask/sqlalchemy"]
    message = str(UnknownName("variant", "flask/sqlalchmy", known))
    assert "; the nearest is `flask/sqlalchemy`, and `bridgetoll list variants` shows" in message
    assert "django" not in message
    told = "There is no study `x`; `bridgetoll list studies` shows all 21."
    assert str(UnknownName("study", "x", known)) == told
    assert "arm-7" not in str(UnknownName("variant", "x", known, "a.toml"))
    assert "arm-7" in str(UnknownName("variant", "x", known, "a.toml", listed=False))


def test_malformed_file_keeps_its_path() -> None:
    error = MalformedFile(Path("a.toml"), "is empty; fill it.")
    assert error.path == Path("a.toml")
    assert str(error) == "a.toml: is empty; fill it."
