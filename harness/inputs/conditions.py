"""Conditions in words."""

from harness.inputs.study import Condition


def connections(count: int) -> str:
    """A number of connections."""
    return f"{count} connection{'' if count == 1 else 's'}"


def condition_title(condition: Condition) -> str:
    """A condition as a heading."""
    return _load(condition) + added(condition) + _beside(condition)


def _beside(condition: Condition) -> str:
    if condition.beside is None:
        return ""
    return f", beside {connections(condition.beside.connections)} to {condition.beside.endpoint}"


def added(condition: Condition) -> str:
    """Its added latency, as the end of a title."""
    if condition.latency is None:
        return ""
    legs = [f"+{ms:g} ms to the {leg}" for leg, ms in condition.latency.legs.items() if ms]
    return f", {' and '.join(legs) or 'no added latency'}"


def _load(condition: Condition) -> str:
    rows = f"{condition.rows:,} rows"
    if not condition.open_loop:
        window = "" if condition.window_s is None else f", windows of {condition.window_s:g} s"
        return f"{condition.endpoint}, {connections(condition.connections)}, {rows}{window}"
    arrivals = f"{condition.arrivals} arrivals"
    if condition.rate is not None:
        load = f"{condition.rate:g} {arrivals} per second"
    elif condition.share is not None:
        load = f"{arrivals} at {condition.share:.0%} of capacity"
    else:
        assert condition.objective is not None
        o = condition.objective
        load = f"{arrivals} at the highest rate with p{o.percentile:g} up to {o.latency_ms:g} ms"
    return f"{condition.endpoint}, {load}, {condition.connections} connections at most, {rows}"
