import os
import platform
import socket
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.base.errors import UsageError
from harness.lab.machine import checkout_state, describe, pinned, propose_cores, share_out, within
from harness.records.run import Cores


@pytest.mark.parametrize(
    ("physical", "workers", "application", "database", "load", "co_located"),
    [
        ([(3,)], 1, (3,), (3,), (3,), True),
        ([(0, 1)], 1, (0,), (1,), (1,), True),  # one core with two hardware threads
        ([(0,), (1,)], 1, (0,), (1,), (1,), True),
        ([(0,), (2,), (4,)], 1, (0,), (2,), (4,), False),
        ([(0,), (1,), (2,), (3,), (4,)], 1, (0,), (1, 2, 3), (4,), False),
        ([(0, 4), (1, 5), (2, 6), (3, 7)], 1, (0,), (1, 5, 2, 6), (3,), False),
        ([(0, 4), (1, 5), (2, 6), (3, 7)], 2, (0, 1), (2, 6), (3,), False),
        ([(0,), (1,), (2,)], 8, (0, 1), (2,), (2,), True),  # on one, eight could only take turns
        ([(0,), (1,)], 4, (0, 1), (1,), (1,), True),
        ([(0,)], 4, (0,), (0,), (0,), True),
    ],
)
def test_the_application_is_alone_as_soon_as_there_are_two_cores(
    physical: list[tuple[int, ...]],
    workers: int,
    application: tuple[int, ...],
    database: tuple[int, ...],
    load: tuple[int, ...],
    co_located: bool,
) -> None:
    cores = share_out(physical, workers)
    assert cores == Cores(application=application, database=database, load=load)
    assert cores.co_located is co_located


FOUR = [(0, 4), (1, 5), (2, 6), (3, 7)]


@pytest.mark.parametrize(
    ("quota", "used"), [(None, 4), (8.0, 4), (7.9, 3), (4.0, 2), (2.5, 1), (1.0, 1), (0.1, 1)]
)
def test_roles_keep_to_as_many_cores_as_a_quota_lets_run_all_the_time(
    quota: float | None, used: int
) -> None:
    assert list(within(FOUR, quota)) == FOUR[:used]


def test_only_cores_that_this_process_may_use_are_proposed() -> None:
    assert propose_cores().all <= os.sched_getaffinity(0)


def test_pinned_moves_us_for_a_while() -> None:
    before = os.sched_getaffinity(0)
    last = {max(before)}
    with pinned(last):
        assert os.sched_getaffinity(0) == last
    assert os.sched_getaffinity(0) == before


def test_no_core_is_a_sentence() -> None:
    with pytest.raises(UsageError, match=r"No processor is available"):
        share_out([])


def test_description_names_the_machine_and_not_the_host() -> None:
    told = describe()
    assert told["python"] == f"CPython {platform.python_version()}"
    assert isinstance(told["memory_mib"], int)
    assert told["memory_mib"] > 100
    assert told["processors"] == len(os.sched_getaffinity(0))
    assert told["processor"]
    assert socket.gethostname() not in map(str, told.values())


@pytest.mark.parametrize(
    ("physical", "workers", "generators", "application", "database", "load"),
    [
        ([(0,), (1,)], 1, 4, (0,), (1,), (1,)),  # too few to share out more
        ([(0,), (1,), (2,)], 1, 4, (0,), (1,), (2,)),
        ([(0,), (1,), (2,), (3,)], 1, 2, (0,), (1,), (2, 3)),
        ([(0,), (1,), (2,), (3,)], 1, 9, (0,), (1,), (2, 3)),  # one is left for the database
        ([(0,), (1,), (2,), (3,), (4,), (5,)], 2, 2, (0, 1), (2, 3), (4, 5)),
        ([(0, 4), (1, 5), (2, 6), (3, 7)], 1, 2, (0,), (1, 5), (2, 3)),
    ],
)
def test_generators_get_a_core_each_as_long_as_the_database_keeps_one(
    physical: list[tuple[int, ...]],
    workers: int,
    generators: int,
    application: tuple[int, ...],
    database: tuple[int, ...],
    load: tuple[int, ...],
) -> None:
    cores = share_out(physical, workers, generators)
    assert cores == Cores(application=application, database=database, load=load)


@given(
    count=st.integers(4, 40), workers=st.integers(1, 50), generators=st.integers(1, 50)
)  # fmt: skip
def test_from_four_cores_on_no_two_roles_share_one_and_none_is_left_over(
    count: int, workers: int, generators: int
) -> None:
    cores = share_out([(cpu,) for cpu in range(count)], workers, generators)
    assert not cores.co_located
    assert cores.all == set(range(count))
    assert 1 <= len(cores.application) <= workers
    assert 1 <= len(cores.load) <= generators
    assert cores.database


def git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=toy", "-c", "user.email=toy@example.org")
    subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A committed repository laid out like this one."""
    root = tmp_path / "checkout"
    for name in ("implementations/toy", "harness", "shared", "results", "docs"):
        (root / name).mkdir(parents=True)
    (root / "implementations/toy/app.py").write_text("x = 1\n")
    (root / "docs/page.md").write_text("text\n")
    (root / ".gitignore").write_text("*.pyc\n")
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "first")
    return root


def test_a_checkout_without_changes_has_the_name_of_its_commit(checkout: Path) -> None:
    state = checkout_state(checkout)
    assert state is not None
    assert (state.changed, state.untracked) == (False, ())
    assert state.name == state.commit
    assert len(state.commit) == 12


def test_a_changed_implementation_makes_a_checkout_dirty(checkout: Path) -> None:
    (checkout / "implementations/toy/app.py").write_text("x = 2\n")
    state = checkout_state(checkout)
    assert state is not None
    assert (state.changed, state.untracked) == (True, ())
    assert state.name == f"{state.commit}-dirty"


def test_untracked_files_that_are_measured_make_a_checkout_dirty_and_are_listed(
    checkout: Path,
) -> None:
    (checkout / "implementations/other").mkdir()
    (checkout / "implementations/other/app.py").touch()
    (checkout / "implementations/other/app.pyc").touch()
    state = checkout_state(checkout)
    assert state is not None
    assert (state.changed, state.untracked) == (False, ("implementations/other/app.py",))
    assert state.name == f"{state.commit}-dirty"


def test_results_and_documentation_do_not_make_a_checkout_dirty(checkout: Path) -> None:
    (checkout / "results/run").mkdir()
    (checkout / "results/run/run.json").touch()
    (checkout / "docs/page.md").write_text("another text\n")
    state = checkout_state(checkout)
    assert state is not None
    assert state.name == state.commit


def test_a_long_list_of_untracked_files_is_cut_and_counted(checkout: Path) -> None:
    for number in range(25):
        (checkout / f"harness/{number:02}.py").touch()
    state = checkout_state(checkout)
    assert state is not None
    assert state.untracked[19:] == ("harness/19.py", "and 5 more")


def test_outside_a_repository_there_is_no_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert checkout_state(tmp_path) is None
