"""Conditions in words."""

from collections.abc import Callable, Iterable

from harness.inputs.study import Condition, Latency


def connections(count: int) -> str:
    """A number of connections."""
    return f"{count} connection{'' if count == 1 else 's'}"


def workers(count: int) -> str:
    """A number of worker processes."""
    return f"{count} worker{'' if count == 1 else 's'}"


def condition_title(condition: Condition) -> str:
    """A condition as a heading."""
    return _load(condition) + added(condition) + _beside(condition) + _staffed(condition)


def _staffed(condition: Condition) -> str:
    return "" if condition.workers is None else f", {workers(condition.workers)}"


def _beside(condition: Condition) -> str:
    if condition.beside is None:
        return ""
    return f", beside {connections(condition.beside.connections)} to {condition.beside.endpoint}"


def added(condition: Condition) -> str:
    """Its added latency, as the end of a title."""
    if condition.latency is None:
        return ""
    return f", {_legs(condition) or 'no added latency'}"


def _legs(condition: Condition) -> str:
    legs = {} if condition.latency is None else condition.latency.legs
    return " and ".join(f"+{ms:g} ms to the {leg}" for leg, ms in legs.items() if ms)


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


_REQUESTS = {
    "cpu": "a CPU-bound request",
    "io_create": "an insert",
    "io_fanout": "five reads at once",
    "io_read": "a read",
    "io_wait": "a request that waits",
    "noop": "an empty request",
}


_MANY = {"cpu": "CPU-bound requests", "io_create": "inserts", "io_read": "reads"}


def request(endpoint: str) -> str:
    """What a request to an endpoint asks for, as a noun."""
    return _REQUESTS.get(endpoint, f"a request to {endpoint}")


def requests(endpoint: str) -> str:
    """Requests to an endpoint, as a noun."""
    return _MANY.get(endpoint, f"requests to {endpoint}")


def brief(condition: Condition, among: Iterable[Condition]) -> str:
    """A condition in a few words of a sentence: the request, and what tells it from others.

    Args:
        condition: to be named.
        among: all from which it must be told, itself too.
    """
    others = [other for other in among if other.endpoint == condition.endpoint]
    told = [
        words(condition)
        for differs, words in _DISTINCTIONS
        if len({differs(other) for other in others}) > 1
    ]
    return request(condition.endpoint) + "".join(told)


def kind_of_request(endpoint: str) -> str:
    """The same without an article, as the heading of a column."""
    words = request(endpoint)
    article, _, rest = words.partition(" ")
    text = rest if article in ("a", "an") else words
    return text[:1].upper() + text[1:]


def load(condition: Condition) -> str:
    """How a condition loads, whatever it requests, of how many rows, and for how long."""
    held = "" if condition.open_loop else connections(condition.connections)
    text = held + _arriving(condition) + _delayed(condition) + _accompanied(condition)
    text += _served(condition)
    return text.strip()


def _arriving(condition: Condition) -> str:
    if condition.rate is not None:
        return f" at {condition.rate:g} arrivals per second"
    if condition.share is not None:
        return f" at {condition.share:.0%} of capacity"
    if condition.objective is not None:
        return f" within {condition.objective.latency_ms:g} ms"
    return ""


def _accompanied(condition: Condition) -> str:
    if condition.beside is None:
        return ""
    return f" beside {requests(condition.beside.endpoint)}"


def _served(condition: Condition) -> str:
    return "" if condition.workers is None else f" on {workers(condition.workers)}"


def _delayed(condition: Condition) -> str:
    legs = _legs(condition)
    return f" with {legs}" if legs else ""


_DISTINCTIONS: tuple[tuple[Callable[[Condition], object], Callable[[Condition], str]], ...] = (
    (
        lambda c: None if c.open_loop else c.connections,
        lambda c: "" if c.open_loop else f" with {connections(c.connections)}",
    ),
    (lambda c: (c.rate, c.share, c.objective), _arriving),
    (lambda c: c.rows, lambda c: f" of {c.rows:,} rows"),
    (lambda c: Latency() if c.latency is None else c.latency, _delayed),
    (lambda c: c.beside, _accompanied),
    (lambda c: c.workers, _served),
)
"""By what two conditions with one endpoint may differ, and how that is told."""
