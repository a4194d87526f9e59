"""Sets of machines that are toys: their blocks wait for each other, fail, or are lost."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import pytest

from harness.base.errors import PlaceLost, StoreFailed
from harness.runner.fleet import Agenda, Errand, share
from tests.waiting import PATIENCE_S


class ToySet:
    """A set whose blocks do what a test says."""

    def __init__(self, name: str | None, act: Callable[[int], None] = lambda _: None) -> None:
        self.name = name
        self.act = act
        self.errands: list[Errand] = []
        self.halted = threading.Event()

    def halt(self) -> None:
        self.halted.set()


@contextmanager
def opened(own: ToySet) -> Iterator[Callable[[Errand], list[str]]]:
    def measure(errand: Errand) -> list[str]:
        own.errands.append(errand)
        own.act(errand.block)
        return [f"block {errand.block}"] if errand.block == 13 else []

    yield measure


class Fleet:
    """Toy sets, with what their agenda asks and tells."""

    def __init__(
        self,
        *sets: ToySet,
        blocks: int | Sequence[int] = 8,
        owners: Mapping[int, str | None] | None = None,
        looks: Sequence[int] = (),
        last: int | None = None,
    ) -> None:
        self.sets = sets
        self.asked: list[int] = []
        self.told: list[tuple[int, int]] = []
        self.lost: list[str] = []
        self.at_look: dict[int, set[int]] = {}

        def stop(after: int) -> bool:
            self.asked.append(after)
            if after in looks:
                self.at_look[after] = {block for block, _ in self.told}
            return after == last

        self.agenda = Agenda(
            blocks=range(1, blocks + 1) if isinstance(blocks, int) else blocks,
            owners=owners or {},
            sets=[own.name for own in sets],
            stop=stop,
            due=looks.__contains__,
            told=lambda block, left: self.told.append((block, left)),
            lost=self.lost.append,
        )

    def run(self) -> list[str]:
        return share(self.sets, opened, self.agenda)

    @property
    def measured(self) -> list[int]:
        return sorted(block for block, _ in self.told)


def lost(name: str) -> PlaceLost:
    return PlaceLost(f"The machine {name} is lost: it was unplugged; start it again.")


def test_one_set_measures_every_block_in_order_in_this_thread() -> None:
    threads = []
    only = ToySet(None, lambda _: threads.append(threading.current_thread()))
    fleet = Fleet(only, blocks=4)
    assert fleet.run() == []
    assert [errand.block for errand in only.errands] == [1, 2, 3, 4]
    assert set(threads) == {threading.main_thread()}
    assert fleet.told == [(1, 3), (2, 2), (3, 1), (4, 0)]
    assert fleet.asked == [0, 1, 2, 3]


def test_four_sets_measure_four_blocks_at_a_time() -> None:
    """Each block waits until four are under way, so that fewer at a time would never end."""
    together = threading.Barrier(4)
    sets = [ToySet(name, lambda _: void(together.wait(PATIENCE_S))) for name in "abcd"]
    fleet = Fleet(*sets, blocks=12)
    assert fleet.run() == []
    assert fleet.measured == list(range(1, 13))
    assert [len(own.errands) for own in sets] == [3, 3, 3, 3]


def void(_: object) -> None:
    pass


def test_sentences_of_all_sets_are_gathered() -> None:
    assert Fleet(ToySet("a"), ToySet("b"), blocks=14).run() == ["block 13"]


def test_the_block_of_a_lost_set_is_measured_again_on_another_as_a_whole() -> None:
    gone = threading.Event()

    def fail(block: int) -> None:
        assert block
        gone.set()
        raise lost("b")

    a, b = ToySet("a", lambda _: void(gone.wait(PATIENCE_S))), ToySet("b", fail)
    fleet = Fleet(a, b)
    assert fleet.run() == []
    assert fleet.measured == list(range(1, 9))
    (block,) = [errand.block for errand in b.errands]
    assert [errand.whole for errand in a.errands if errand.block == block] == [True]
    assert sum(errand.whole for errand in a.errands) == 1
    (told,) = fleet.lost
    for fact in ("set of machines b", f"block {block} ", "unplugged"):
        assert fact in told


def test_a_set_that_is_free_waits_for_the_last_block_of_another_that_may_be_lost() -> None:
    b_began, a_is_free = threading.Event(), threading.Event()

    def fail(_: int) -> None:
        b_began.set()
        assert a_is_free.wait(PATIENCE_S)
        raise lost("b")

    def act(_: int) -> None:
        assert b_began.wait(PATIENCE_S)
        if len(a.errands) == 2:
            a_is_free.set()

    fleet = Fleet(a := ToySet("a", act), b := ToySet("b", fail), blocks=3)
    assert fleet.run() == []
    assert fleet.measured == [1, 2, 3]
    assert (len(a.errands), len(b.errands)) == (3, 1)


def test_the_loss_of_the_only_set_ends_the_run_with_its_error() -> None:
    def fail(block: int) -> None:
        if block == 3:
            raise lost("the only one")

    fleet = Fleet(ToySet(None, fail))
    with pytest.raises(PlaceLost, match="the only one"):
        fleet.run()
    assert fleet.measured == [1, 2]


def test_the_loss_of_every_set_ends_the_run() -> None:
    def fail(block: int) -> None:
        if block > 2:
            raise lost(str(block))

    fleet = Fleet(*(ToySet(name, fail) for name in "ab"))
    with pytest.raises(PlaceLost, match="unplugged"):
        fleet.run()
    assert fleet.measured == [1, 2]


def test_a_block_that_has_cost_two_sets_costs_no_third() -> None:
    def fail(block: int) -> None:
        if block == 1:
            raise lost(str(block))

    sets = [ToySet(name, fail) for name in "abcd"]
    fleet = Fleet(*sets)
    with pytest.raises(PlaceLost, match="The machine 1"):
        fleet.run()
    assert sum(errand.block == 1 for own in sets for errand in own.errands) == 2


def test_an_error_of_the_run_itself_ends_all_sets_and_halts_them() -> None:
    other = ToySet("b")

    def wait(_: int) -> None:
        assert other.halted.wait(PATIENCE_S)
        raise lost("b, halted")

    other.act = wait

    def fail(_: int) -> None:
        raise StoreFailed("No space is left.")

    fleet = Fleet(ToySet("a", fail), other)
    with pytest.raises(StoreFailed, match="No space"):
        fleet.run()
    assert fleet.measured == []
    assert fleet.lost == []


def test_a_look_waits_until_all_blocks_before_it_are_measured_and_may_end_the_run() -> None:
    """The third block takes until the fourth would have begun, were there no look in between."""
    late = threading.Event()
    sets = [ToySet(name) for name in "ab"]

    def act(block: int) -> None:
        if block == 3:
            assert not late.wait(0.2)
        elif block > 4:
            late.set()

    for own in sets:
        own.act = act
    fleet = Fleet(*sets, looks=(4,), last=4)
    assert fleet.run() == []
    assert fleet.measured == [1, 2, 3, 4]
    assert fleet.at_look == {4: {1, 2, 3, 4}}
    assert fleet.asked == [0, 1, 2, 3, 4]


def test_a_block_that_was_given_back_is_measured_though_no_further_one_begins() -> None:
    stopped = threading.Event()

    b_began = threading.Event()

    def fail(_: int) -> None:
        b_began.set()
        assert stopped.wait(PATIENCE_S)
        raise lost("b")

    b = ToySet("b", fail)
    a = ToySet("a", lambda _: void(b_began.wait(PATIENCE_S)))
    fleet = Fleet(a, b, blocks=5, last=3)
    asked = fleet.agenda._stop

    def stop(after: int) -> bool:
        found = asked(after)
        if found:
            stopped.set()
        return found

    fleet.agenda._stop = stop
    assert fleet.run() == []
    assert fleet.measured == [1, 2, 3]


def test_a_resumed_set_goes_on_with_its_own_block_and_repeats_that_of_a_set_that_is_gone() -> None:
    only = ToySet("b")
    fleet = Fleet(only, blocks=(3, 4, 6, 7), owners={1: "a", 2: "b", 3: "a", 4: "b"})
    assert fleet.run() == []
    assert only.errands == [Errand(3, True), Errand(4, False), Errand(6, False), Errand(7, False)]


def test_a_block_that_another_set_has_begun_is_left_to_it_as_long_as_there_are_others() -> None:
    agenda = Fleet(ToySet("a"), ToySet("b"), blocks=(1, 2), owners={1: "a", 2: "b"}).agenda
    assert agenda.take("b") == Errand(2, False)
    agenda.done("b", [])
    assert agenda.take("b") == Errand(1, True)


def test_a_set_that_cannot_be_opened_leaves_its_blocks_to_the_others() -> None:
    @contextmanager
    def shut(own: ToySet) -> Iterator[Callable[[Errand], list[str]]]:
        if own.name == "b":
            raise lost("b")
        with opened(own) as measure:
            yield measure

    fleet = Fleet(ToySet("a"), ToySet("b"), blocks=3)
    assert share(fleet.sets, shut, fleet.agenda) == []
    assert fleet.measured == [1, 2, 3]
