"""What sysfs tells of the processor, from trees of files as various kernels lay them out."""

from pathlib import Path

import pytest

from harness.doctor.processor import Processor, judge, read_processor
from harness.lab.machine import describe


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n", encoding="ascii")


def test_names_the_processor_of_this_machine() -> None:
    found = read_processor([0])
    assert found.model == describe()["processor"]
    assert found.virtualised is (describe()["virtualised"] == "yes")


def test_what_is_absent_is_none_and_said_to_be_not_visible(tmp_path: Path) -> None:
    found = read_processor([0, 1], tmp_path)
    assert (found.governors, found.boost) == (None, None)
    findings = judge(found)
    assert [f.statement for f in findings][1:] == [
        "Frequency governor: not visible here.",
        "Frequency boost: not visible here.",
    ]
    assert [f.remedy for f in findings] == [None] * 3


def test_governors_are_those_of_our_processors(tmp_path: Path) -> None:
    for cpu, governor in enumerate(("performance", "powersave", "performance", "schedutil")):
        write(tmp_path / f"cpu{cpu}/cpufreq/scaling_governor", governor)
    assert read_processor([0, 1, 2], tmp_path).governors == ("performance", "powersave")
    assert read_processor([0, 2], tmp_path).governors == ("performance",)


@pytest.mark.parametrize(
    ("name", "text", "boost"),
    [
        ("cpufreq/boost", "1", True),
        ("cpufreq/boost", "0", False),
        ("intel_pstate/no_turbo", "1", False),
        ("intel_pstate/no_turbo", "0", True),
    ],
)
def test_boost_is_read_from_either_switch(
    tmp_path: Path, name: str, text: str, boost: bool
) -> None:
    write(tmp_path / name, text)
    assert read_processor([0], tmp_path).boost is boost


@pytest.mark.parametrize(
    ("governors", "boost", "remedies"),
    [
        (("performance",), False, [False, False]),
        (("powersave",), False, [True, False]),
        (("performance", "powersave"), False, [True, False]),
        (("performance",), True, [False, True]),
    ],
)
def test_a_frequency_that_changes_has_a_remedy(
    governors: tuple[str, ...], boost: bool, remedies: list[bool]
) -> None:
    what, *findings = judge(Processor("Example 9000", False, governors, boost))
    assert what.statement == "Example 9000, no hypervisor seen."
    assert [finding.remedy is not None for finding in findings] == remedies


def test_a_virtual_machine_is_called_one() -> None:
    assert judge(Processor("X", True, None, None))[0].statement == "X, a virtual machine."
