import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from harness.load.protocol import Tally
from harness.runner.trial_builder import Requests

NANOSECONDS = st.integers(0, 2**62)
TURNS = st.lists(
    st.tuples(
        st.integers(0, 2**31 - 1), st.lists(st.tuples(NANOSECONDS, NANOSECONDS), max_size=20)
    ),
    max_size=6,
)


def tally(requests: list[tuple[int, int]]) -> Tally:
    starts, latencies = (
        np.array([request[part] for request in requests], dtype=np.int64) for part in (0, 1)
    )
    return Tally(
        correct=len(requests), errors={}, samples=[], reconnects=0, start_ns=0, end_ns=1,
        latencies=latencies.tobytes(), starts=starts.tobytes(),
    )  # fmt: skip


@given(turns=TURNS)
def test_every_request_of_every_turn_is_read_back_in_order(
    turns: list[tuple[int, list[tuple[int, int]]]],
) -> None:
    kept = Requests()
    for round_, requests in turns:
        kept.add(round_, tally(requests))
    with np.load(io.BytesIO(kept.compressed())) as archive:
        found = {name: archive[name] for name in archive.files}
    assert {name: values.dtype for name, values in found.items()} == {
        "round": np.int32, "start_ns": np.int64, "latency_ns": np.int64,
    }  # fmt: skip
    wanted = [(round_, *request) for round_, requests in turns for request in requests]
    told = zip(*(found[name].tolist() for name in ("round", "start_ns", "latency_ns")), strict=True)
    assert list(told) == wanted


def test_the_archive_is_smaller_than_the_numbers() -> None:
    kept = Requests()
    kept.add(0, tally([(10**15 + n * 100_000, 5_000_000) for n in range(5_000)]))
    assert len(kept.compressed()) < 5_000 * (4 + 8 + 8) / 2
