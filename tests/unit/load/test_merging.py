from array import array

from harness.load.generator import merged
from harness.load.protocol import Tally


def raw(*values: int) -> bytes:
    return array("q", values).tobytes()


ONE = Tally(
    2, {"body": 1}, ["body: x"], 1, 10, 100, raw(5, 70), raw(11, 20), raw(1), before=1, dropped=2
)
OTHER = Tally(1, {"body": 2, "closed": 1}, [], 0, 8, 90, raw(9), raw(12), raw(3, 4), in_flight=1)


def test_one_tally_stays_as_it_is() -> None:
    assert merged([ONE]) is ONE


def test_counts_are_added_and_requests_put_in_order_of_completion() -> None:
    whole = merged([ONE, OTHER])
    assert (whole.correct, whole.before, whole.in_flight, whole.dropped) == (3, 1, 1, 2)
    assert whole.errors == {"body": 3, "closed": 1}
    assert (whole.start_ns, whole.end_ns, whole.reconnects) == (8, 100, 1)
    assert (whole.latencies, whole.starts) == (raw(5, 9, 70), raw(11, 12, 20))
    assert whole.lags == raw(1, 3, 4)
