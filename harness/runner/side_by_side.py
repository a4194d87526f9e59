"""Several items of a list at a time, with the results in the order of the list."""

import threading
from collections.abc import Callable, Generator, Sequence
from queue import Empty, SimpleQueue


def side_by_side[Item, Result](
    action: Callable[[Item], Result], items: Sequence[Item], at_once: int
) -> Generator[Result]:
    """Act on all items, each in a thread, and yield each result once those before it are there.

    Close the iterator to begin no further item. Items under way are not waited for then, and their
    threads do not hold up the end of the process: let them fail, e.g. by stopping what they wait
    for.

    Args:
        action: is called in another thread, where no signal interrupts it.
        items: in the order of the results.
        at_once: how many are under way at most.

    Raises:
        BaseException: whatever the action raises, at once, also while earlier items are under way.
    """
    waiting: SimpleQueue[int] = SimpleQueue()
    for index in range(len(items)):
        waiting.put(index)
    done: SimpleQueue[tuple[int, Result | BaseException]] = SimpleQueue()
    closed = threading.Event()

    def work() -> None:
        while not closed.is_set():
            try:
                index = waiting.get_nowait()
            except Empty:
                return
            try:
                done.put((index, action(items[index])))
            except BaseException as error:
                done.put((index, error))
                return

    try:
        for number in range(min(at_once, len(items))):
            threading.Thread(target=work, name=f"side by side {number}", daemon=True).start()
        results: dict[int, Result] = {}
        for index in range(len(items)):
            while index not in results:
                number, result = done.get()
                if isinstance(result, BaseException):
                    raise result
                results[number] = result
            yield results.pop(index)
    finally:
        closed.set()
