"""The order of turns: every entry follows every other about equally often.

What a server finds (a core's caches, its clock speed, the database's buffers) depends on who had
the turn before it. A Williams design (Williams 1949, Australian Journal of Scientific Research
2:149) is a Latin square in whose rows every ordered pair of neighbours stands equally often: once
in a square for an even number of entries, twice in a square and its mirror image for an odd one.
"""

import random


def balanced_orders(entries: int, rounds: int, draw: random.Random) -> tuple[tuple[int, ...], ...]:
    """One permutation of the entries' indices per round.

    Squares follow each other as far as the rounds go; names and rows of each are drawn, so that
    with fewer rounds than rows it is a random part of a balanced whole.
    """
    orders: list[tuple[int, ...]] = []
    while len(orders) < rounds:
        names = draw.sample(range(entries), entries)
        rows = [tuple(names[index] for index in row) for row in _williams(entries)]
        orders += draw.sample(rows, len(rows))
    return tuple(orders[:rounds])


def _williams(entries: int) -> list[list[int]]:
    first = [0]
    low, high = 1, entries - 1
    while low <= high:  # 0, 1, n-1, 2, n-2, ...: all neighbours' distances are different
        first.append(low)
        if low < high:
            first.append(high)
        low, high = low + 1, high - 1
    square = [[(index + shift) % entries for index in first] for shift in range(entries)]
    return square if entries % 2 == 0 else [*square, *(row[::-1] for row in square)]
