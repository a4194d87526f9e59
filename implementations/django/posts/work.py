"""The loop of `/cpu`, the same in every arm."""


def sum_of_squares(iterations: int) -> int:
    ct = 0
    for i in range(iterations):
        ct += i * i
    return ct
