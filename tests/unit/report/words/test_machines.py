"""Machines in words."""

import math
import random
from collections.abc import Sequence

import msgspec
import pytest

from harness.analysis.analyse import Analysis, analyse
from harness.records.run import MachineRecord
from harness.report.words.machines import hardware, machine_title, sets_of_machines
from harness.report.words.power import power_lines
from tests.toys.runs import BASELINE, make_run, make_study, simulate

FACTS: dict[str, str | int] = {"kernel": "Linux 6", "processor": "AMD EPYC", "processors": 2}


def test_a_machine_is_told_by_its_processor_and_cores() -> None:
    run = msgspec.structs.replace(make_run(), machine=FACTS)
    assert machine_title(run) == "AMD EPYC, 2 cores"
    alone = msgspec.structs.replace(run, machine=FACTS | {"processors": 1})
    assert machine_title(alone) == "AMD EPYC, 1 core"


def test_a_machine_that_says_neither_is_told_by_what_it_says() -> None:
    run = msgspec.structs.replace(make_run(), machine={"kernel": "Linux 6"})
    assert machine_title(run) == "kernel Linux 6"


def test_an_update_leaves_the_machine_the_same_and_another_core_does_not() -> None:
    run = msgspec.structs.replace(make_run(), machine=FACTS)
    updated = msgspec.structs.replace(run, machine=FACTS | {"kernel": "Linux 7", "python": "4"})
    larger = msgspec.structs.replace(run, machine=FACTS | {"processors": 4})
    assert hardware(updated.machine) == hardware(run.machine)
    assert hardware(larger.machine) != hardware(run.machine)


ALL = ("application", "database", "load")


def analysed(names: Sequence[str], spread: float = 0.0) -> Analysis:
    """Blocks by the name of the set that measures each; the other variant differs between sets."""
    machines = tuple(MachineRecord(n, ALL, FACTS, own) for n, own in enumerate(sorted({*names})))
    run = msgspec.structs.replace(make_run(make_study(blocks=len(names))), machines=machines)
    draw = random.Random(4)
    shift = {name: draw.gauss(0, spread) for name in sorted({*names})}
    trials = []
    for trial in simulate(run, {BASELINE: 500.0, "b/other": 600.0}, 3):
        name = names[trial.block - 1]
        factor = math.exp(shift[name]) if trial.variant == "b/other" else 1.0
        slices = [
            msgspec.structs.replace(s, server_cpu_ns=round(s.server_cpu_ns * factor))
            for s in trial.slices
        ]
        trials.append(msgspec.structs.replace(trial, slices=tuple(slices), machine_set=name))
    return analyse(run, trials)


def test_a_run_of_one_machine_says_nothing_of_sets() -> None:
    run = make_run()
    found = analyse(run, simulate(run, {BASELINE: 500.0, "b/other": 600.0}, 3))
    assert (found.machine_sets, sets_of_machines(found)) == ({}, "")


def test_the_variance_between_sets_stands_beside_that_between_blocks() -> None:
    found = analysed("aaabbbcccddd", spread=0.1)
    assert found.machine_sets == {
        "a": (1, 2, 3), "b": (4, 5, 6), "c": (7, 8, 9), "d": (10, 11, 12),
    }  # fmt: skip
    text = sets_of_machines(found)
    assert text.startswith("4 sets of equal machines shared the blocks (a 3, b 3, c 3, d 3).")
    noise = found.conditions[0].first.noise
    assert noise is not None
    assert noise.sets_sd is not None
    assert noise.between_sd is not None
    assert noise.sets_sd > 5 * noise.between_sd
    assert f"±{noise.sets_sd:.1%} from set to set" in text
    assert f"±{noise.between_sd:.1%} from block to block" in text
    assert f"From set to set of machines: ±{noise.sets_sd:.1%}." in power_lines(found)[0]


def test_sets_that_differ_widen_the_interval_of_the_variant_that_differs() -> None:
    names = "aaabbbcccddd"
    found = analysed(names, spread=0.1)
    alone = analysed("a" * 12)
    ratio = found.conditions[0].first.ratios["b/other"]
    steady = alone.conditions[0].first.ratios["b/other"]
    assert ratio.log_half_width is not None
    assert steady.log_half_width is not None
    assert ratio.log_half_width > 2.5 * steady.log_half_width


def test_sets_of_one_block_each_do_not_tell_how_much_they_differ() -> None:
    text = sets_of_machines(analysed("abcd"))
    assert "not known" in text
    assert "±" not in text


@pytest.mark.parametrize("lost", [(), ("b",)])
def test_one_set_is_told_without_a_variance(lost: Sequence[str]) -> None:
    found = analysed("aaaa")
    sets = found.machine_sets | dict.fromkeys(lost, ())
    text = sets_of_machines(msgspec.structs.replace(found, machine_sets=sets))
    assert "a 4" in text
    assert "±" not in text
