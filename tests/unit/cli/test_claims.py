"""Claims on a terminal of 80 columns: one table of all, or one in full."""

import io
from pathlib import Path

import msgspec
import pytest
from rich.console import Console, RenderableType

from harness.analysis.judgements import ClaimVerdict, Judgement
from harness.base.workspace import Workspace
from harness.cli.claim_tables import claims_in_full, claims_table
from harness.inputs.claims import load_claims
from tests.toys.entry import Call
from tests.toys.evidence import ONE_BLOCK, READ, evidence, judgement
from tests.toys.runs import make_run
from tests.toys.shelves import dated_run, shelve

RUN = make_run().id
CREATE = msgspec.structs.replace(READ, endpoint="io_create")
LONG = "An asynchronous framework answers more requests " + "and more " * 20


def lines(shown: RenderableType) -> list[str]:
    """On a terminal of 80 columns without colour."""
    told = io.StringIO()
    Console(file=told, width=80).print(shown)
    return told.getvalue().splitlines()


def words(shown: RenderableType) -> str:
    return " ".join(" ".join(lines(shown)).split())


def of_every_verdict() -> list[Judgement]:
    sides = ((True,), (True, None, None), (False,), (False, None, None), (True, False), (None,), ())
    return [
        judgement(*(evidence(side) for side in some), name=f"X{number}", says=LONG, studies=("ab",))
        for number, some in enumerate(sides)
    ]


def test_every_verdict_has_a_row_within_80_columns() -> None:
    found = of_every_verdict()
    assert {item.verdict for item in found} == set(ClaimVerdict)
    shown = lines(claims_table(found))
    assert all(len(line) <= 80 for line in shown)
    told = " ".join(" ".join(shown).split())
    assert all(f"X{number}" in told for number in range(len(found)))
    for item in found:  # a verdict may be broken between words
        assert all(word in told for word in item.verdict.value.split())


def test_a_row_has_what_the_claim_depends_on() -> None:
    table = claims_table([judgement(evidence(True), evidence(False, CREATE))])
    told = words(table)
    assert "depends" in told
    assert "True for a read, false" in told


def test_a_long_claim_is_cut_between_words() -> None:
    told = words(claims_table([judgement(evidence(True), says=LONG)]))
    assert "An asynchronous framework" in told
    assert "…" in told
    cut = told.partition("…")[0].split()
    assert set(cut) & set(LONG.split())
    one_word = words(claims_table([judgement(evidence(True), says="x" * 300)]))
    assert "…" in one_word


def test_a_claim_that_nothing_tests_has_the_command_that_does() -> None:
    told = words(claims_table([judgement(studies=("quick",))]))
    assert "No run tests it. `bridgetoll run" in told
    assert "quick` does." in told  # the verdict's second line lies between them


def test_a_claim_in_full_has_its_source_its_note_and_every_value() -> None:
    found = judgement(
        evidence(True), evidence(False, CREATE), says="something [bold]", note="a note"
    )
    shown = lines(claims_in_full([found]))
    assert all(len(line) <= 80 for line in shown)
    told = " ".join(" ".join(shown).split())
    assert told.startswith("X1 depends something [bold] somebody, 2020 True for a read, false")
    assert "a note" in told
    assert "holds: 45 [40, 50], claimed at least 40: throughput of b/other / a/base" in told
    assert "does not hold: 2 [1.5, 2.5]" in told
    assert "io_create, 8 connections, 100 rows (tiny-1)" in told


def test_one_block_is_told_with_its_value_and_the_command_that_decides() -> None:
    alone = msgspec.structs.replace(evidence(None), value=ONE_BLOCK)
    told = words(claims_in_full([judgement(alone, studies=("quick",))]))
    assert "undecided: 45 (one block)" in told
    assert "Decide what is open with `bridgetoll run quick`." in told


def test_a_claims_name_shows_it_in_full_whatever_its_case(call: Call) -> None:
    for name in ("A2", "a2"):
        said = call("claims", name)
        assert said.status == 0
        assert said.out.startswith("A2  not tested here")
        assert "Test it with `bridgetoll run asynchronize-django-corrected`" in said.out
        assert "A3" not in said.out


def test_names_of_claims_and_runs_go_together(call: Call, shelf: Workspace) -> None:
    said = call("claims", "A2", RUN)
    assert said.status == 0
    assert said.out.startswith("A2 ")
    assert len(call("claims", RUN).out.splitlines()) > 17
    assert [claim.name for claim in load_claims(shelf)]


@pytest.mark.parametrize(("name", "near"), [("A22", "A2"), (RUN[:-1] + "9", RUN)])
def test_a_name_of_neither_is_one_sentence_with_the_nearest(
    call: Call, name: str, near: str
) -> None:
    said = call("claims", name)
    assert (said.status, said.out) == (2, "")
    assert f"There is no claim or run `{name}`; the nearest is `{near}`" in said.sentence
    assert call("claims", "A2", name).status == 2


def test_a_second_call_reads_no_trial_and_says_the_same(
    call: Call, shelf: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIDGETOLL_CACHE", str(tmp_path))  # the machine's may know such a run
    shelve(shelf.results, dated_run(7))
    first, second = call("claims", "--json"), call("claims", "--json")
    assert "reading tiny-20260701-000000" in first.err
    assert second.err == ""
    assert first.out == second.out


def test_damage_and_a_cache_that_cannot_be_written_change_nothing(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIDGETOLL_CACHE", str(tmp_path / "cache"))
    first = call("claims", "--json")
    for path in (tmp_path / "cache" / "judgements").iterdir():
        path.write_bytes(b"damaged")
    mended = call("claims", "--json")
    assert "reading" in mended.err
    monkeypatch.setenv("BRIDGETOLL_CACHE", "/dev/null/cache")
    without = call("claims", "--json")
    assert "reading" in without.err
    assert "/dev/null" in without.err
    assert (mended.status, without.status) == (0, 0)
    assert first.out == mended.out == without.out


def test_a_folder_that_takes_no_files_is_noted_once(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIDGETOLL_CACHE", str(tmp_path))
    (tmp_path / "judgements").write_text("in the way")
    said = call("claims")
    assert said.status == 0
    assert said.err.count("Nothing could be cached") == 1


def test_a_run_with_a_damaged_trial_is_named_each_time(call: Call, shelf: Workspace) -> None:
    store = shelve(shelf.results, dated_run(8))
    next((store.folder / "trials").iterdir()).write_text("{")
    for _ in range(2):
        assert "left out: tiny-20260801-000000" in " ".join(call("claims").err.split())
