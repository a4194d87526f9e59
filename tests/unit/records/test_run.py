import msgspec
import pytest

from tests.toys.runs import make_run


@pytest.mark.parametrize(
    ("command", "rehearsal"),
    [
        ("run ramps", False),
        ("run ramps --scale 0.1", True),
        ("run ramps --scale=0.1", True),
        ("run scale --only x--scale", False),
    ],
)
def test_a_shortened_ramp_is_a_rehearsal(command: str, rehearsal: bool) -> None:
    assert msgspec.structs.replace(make_run(), command=command).rehearsal == rehearsal
