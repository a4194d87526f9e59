"""Pages of the docs that are made of code and data."""

from typing import Any

import msgspec
import pytest

from harness.audit.verify import checks
from harness.base.workspace import Workspace
from harness.cli.reference import COMMAND, PAGES, meanings_of, page_text, records
from harness.inputs.factors import vocabulary
from harness.inputs.study import Study


@pytest.mark.parametrize("name", PAGES)
def test_a_page_that_is_made_of_the_code_is_current(repository: Workspace, name: str) -> None:
    kept = (repository.root / "docs" / f"{name}.md").read_text(encoding="utf-8")
    assert kept == page_text(name), f"write it anew: {COMMAND}"


@pytest.mark.parametrize("kind", records(Study), ids=lambda kind: kind.__name__)
def test_a_docstring_says_what_each_key_of_a_study_means(kind: type[msgspec.Struct]) -> None:
    fields = [field.encode_name for field in msgspec.structs.fields(kind)]
    assert set(meanings_of(kind)) == set(fields)


def test_a_meaning_is_that_of_one_name_or_of_several() -> None:
    class Record(msgspec.Struct):
        """What it is.

        Something more: it is no field.

        one, two: both of
            them. three: another;
            see four: which is none.
        """

        one: int
        two: int
        three: Any = None

    assert meanings_of(Record) == {
        "one": "Both of them.", "two": "Both of them.",
        "three": "Another; see four: which is none.",
    }  # fmt: skip


def test_the_pages_name_every_check_and_every_word() -> None:
    contract, factors = page_text("contract"), page_text("factors")
    assert all(f"| `{name.replace(' ', '-')}` |" in contract for name in checks())
    assert all(f"| `{name}` |" in factors for name in vocabulary().factors)
    assert all(f"| `{name}` |" in factors for name in vocabulary().tags)
