"""What Locust's processes noted, added up."""

import msgspec
import pytest

from harness.load.locust.notes import Notes, merge

S = 1_000_000_000
FIRST = Notes(
    clock="here", began_ns=100 * S, ended_ns=103 * S, came=(0.0, 1.0), answers=((0.5, 0.25),),
    failed=(1.5,), errors={"status 500": 1}, under_way=2, cpu_ns=3 * S, warned=False,
)  # fmt: skip
LATER = msgspec.structs.replace(
    FIRST, began_ns=FIRST.began_ns + S // 2, ended_ns=FIRST.ended_ns + S // 2,
    answers=((0.1, 0.125), (2.4, 0.125)), failed=(1.6,),
    errors={"status 500": 1, "TimeoutError": 0},
)  # fmt: skip

MASTER = msgspec.structs.replace(
    FIRST, began_ns=FIRST.began_ns - S // 4, came=(), answers=(), failed=(), errors={},
    under_way=0, cpu_ns=S,
)  # fmt: skip


def test_one_process_alone_keeps_every_value() -> None:
    merged = merge([FIRST], users=2)
    assert (merged.began_ns, merged.ended_ns) == (FIRST.began_ns, FIRST.ended_ns)
    assert merged.answers == FIRST.answers
    assert (merged.failed, merged.came) == ((0, 1, 0, 0), (1, 1, 0, 0))
    assert (merged.users, merged.settled_s, merged.under_way) == (2, 1.0, 2)


def test_workers_on_the_masters_machine_count_from_its_start() -> None:
    merged = merge([FIRST, LATER], users=4, master=MASTER)
    assert merged.answers == ((0.75, 0.25), (0.85, 0.125), (3.15, 0.125))
    assert (merged.failed, merged.came) == ((0, 1, 1, 0), (2, 2, 0, 0))
    assert merged.began_ns == MASTER.began_ns
    assert (merged.ended_ns - merged.began_ns) / S == 3.75
    assert merged.settled_s == 1.75


def test_clocks_of_two_machines_are_never_compared() -> None:
    elsewhere = msgspec.structs.replace(LATER, clock="there", began_ns=7, ended_ns=7 + 3 * S)
    merged = merge([FIRST, elsewhere], users=4, master=MASTER)
    assert merged.answers == ((0.1, 0.125), (0.75, 0.25), (2.4, 0.125))
    assert (merged.ended_ns - merged.began_ns) / S == 3.25


def test_counts_add_up_and_the_masters_processor_time_counts() -> None:
    merged = merge([FIRST, LATER], users=4, master=MASTER)
    assert merged.errors == {"status 500": 2, "TimeoutError": 0}
    assert (merged.under_way, merged.cpu_ns, merged.users) == (4, 7 * S, 4)


def test_users_that_never_came_leave_the_ramp_unsettled() -> None:
    assert merge([FIRST, LATER], users=5, master=MASTER).settled_s is None


@pytest.mark.parametrize("at", [0, 1])
def test_a_complaint_of_one_process_is_the_ramps(at: int) -> None:
    notes = [FIRST, LATER]
    notes[at] = msgspec.structs.replace(notes[at], warned=True)
    assert merge(notes, users=4, master=MASTER).warned
    assert not merge([FIRST, LATER], users=4, master=MASTER).warned
