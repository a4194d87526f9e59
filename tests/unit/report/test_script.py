"""What may run in the page, and how data get into it."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from harness.report.script import embedded, policy, vega


@given(st.text())
def test_data_cannot_end_their_element_and_come_out_as_they_went_in(text: str) -> None:
    made = str(embedded({"text": text}))
    assert not set("<>&\u2028\u2029") & set(made)
    assert json.loads(made) == {"text": text}


def test_without_scripts_none_may_run() -> None:
    assert "script-src 'none'" in policy([])


def test_the_charts_library_is_made_once_and_then_taken_from_the_cache(tmp_path: Path) -> None:
    first = vega(tmp_path)
    assert "vegaEmbed" in first
    assert "</script" not in first
    (kept,) = (tmp_path / "page").iterdir()
    kept.write_text("from the cache")
    assert vega(tmp_path) == "from the cache"
