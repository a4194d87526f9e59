import itertools
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report import render
from harness.report.render import environment


def rendered(template: str, value: object) -> str:
    return environment(Path(), escape=False).from_string(template).render(value=value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("io_read, 8 connections", "io_read, 8 connections"),
        ("_this_ and *that*", r"\_this\_ and \*that\*"),
        ("$x$ of a@b.example", "&#36;x&#36; of a&#64;b.example"),
        ("> said", r"\> said"),
        ("- one", r"\- one"),
        ("---", r"\---"),
        ("1. first", r"1\. first"),
        ("1.50 [1.40, 1.60]", r"1.50 \[1.40, 1.60\]"),
        ("12 > 11", "12 > 11"),
        ("a|b\nc", r"a\|b c"),
    ],
)
def test_in_markdown_text_is_text_and_nothing_else(text: str, told: str) -> None:
    assert rendered("{{ value }}", text) == told


def test_in_the_markdown_template_a_line_that_ends_with_a_tag_keeps_its_end() -> None:
    """A tag takes the line's end with it, so a blank line must follow to give the end back."""
    template = Path(render.__file__).with_name("templates") / "report.md"
    lines = template.read_text(encoding="utf-8").splitlines()
    joined = [
        line
        for line, following in itertools.pairwise(lines)
        if line.endswith("%}") and re.sub(r"{%.*?%}", "", line).strip() and following.strip()
    ]
    assert joined == []


def test_in_a_code_span_only_its_end_means_anything() -> None:
    assert rendered("`{{ value | code }}`", "run *a* `b`\n_c_") == "`run *a* 'b' _c_`"


def embedded(value: object) -> str:
    return environment(Path(), escape=True).from_string("{{ value | tojson }}").render(value=value)


@given(st.text())
def test_data_cannot_end_their_script_element_and_are_read_back_unchanged(text: str) -> None:
    made = embedded({"text": text})
    assert not set("<>&\u2028\u2029") & set(made)
    assert json.loads(made) == {"text": text}


def test_data_keep_their_order() -> None:
    assert embedded({"b": 1, "a": 2}) == '{"b":1,"a":2}'


def test_a_number_that_json_does_not_have_is_an_error() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        embedded(float("nan"))
