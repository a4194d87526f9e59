"""Locust as a program: what is said when it cannot be had."""

import sys
from pathlib import Path

import pytest

from harness.base.errors import LocustFailed
from harness.load.locust.driver import RampPlan, climb

PLAN = RampPlan(path="/noop", users=2, per_s=2, hold_s=1, client="fast", body="{}")


def test_it_is_as_long_as_its_users_take_to_come_and_stay() -> None:
    assert PLAN.length_s == 2.0


def test_an_interpreter_without_locust_is_one_sentence_with_its_last_words(tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S -I "$@"\n')
    bare.chmod(0o755)
    with pytest.raises(LocustFailed, match=r"No module named") as failed:
        climb(
            bare, PLAN, "http://127.0.0.1:9", folder=tmp_path, name="cell", cpus=None,
            meanwhile=lambda: None,
        )  # fmt: skip
    assert str(tmp_path) not in str(failed.value)
    assert not (tmp_path / "cell.json").exists()


def test_locust_sees_no_settings_of_ours(tmp_path: Path) -> None:
    """It reads files in its home and in its working directory, and nobody would notice."""
    told = tmp_path / "told"
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\necho "$HOME $PWD" > {told}\n')
    bare.chmod(0o755)
    logs = tmp_path / "logs"
    logs.mkdir()
    with pytest.raises(LocustFailed):
        climb(
            bare, PLAN, "http://127.0.0.1:9", folder=logs, name="cell", cpus=None,
            meanwhile=lambda: None,
        )  # fmt: skip
    assert told.read_text().split() == [str(logs), str(logs)]
