"""How the generator's ceiling is told."""

from typing import Literal

import pytest

from harness.doctor.generator import judge
from harness.load.ceiling import Ceiling


@pytest.mark.parametrize(
    ("limited_by", "height", "end", "mend"),
    [
        ("generator", "48,435", "it hardly adds to latencies.", False),
        ("server", "at least 48,435", "The bare server was the limit.", False),
        (
            "neither",
            "at least 48,435",
            "Neither was saturated (generator 46% of a core, bare server 42%), as where others "
            "take their cores.",
            True,
        ),
    ],
)
def test_says_whether_more_was_possible(
    limited_by: Literal["generator", "server", "neither"], height: str, end: str, mend: bool
) -> None:
    (finding,) = judge(
        Ceiling(
            per_s=48_434.65,
            connections=32,
            generator_cpu_share=0.465,
            server_cpu_share=0.419,
            limited_by=limited_by,
        )
    )
    assert finding.statement.startswith(
        f"The generator reaches {height} requests/s on 32 connections, every response checked. "
        "Up to half of that, 24,217 requests/s,"
    )
    assert finding.statement.endswith(end)
    assert (finding.remedy is not None) is mend
