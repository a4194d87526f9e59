import msgspec
import pytest

from tests.toys.runs import make_run


@pytest.mark.parametrize(("scale", "rehearsal"), [(None, False), (0.1, True)])
def test_a_shortened_ramp_is_a_rehearsal(scale: float | None, rehearsal: bool) -> None:
    assert msgspec.structs.replace(make_run(), scale=scale).rehearsal == rehearsal
