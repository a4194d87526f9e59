import pytest

from harness.inputs.contract import ENDPOINTS
from harness.inputs.manifests import QUANTITIES, Expect

FROM_THE_CONTRACT = ("statements", "transactions", "round_trips")


def test_every_quantity_can_be_expected_and_nothing_else() -> None:
    assert set(Expect.__struct_fields__) == set(QUANTITIES)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_one_number_is_for_every_endpoint(endpoint: str) -> None:
    assert Expect(hops=2).of("hops", endpoint) == 2
    assert Expect(round_trips=6).of("round_trips", endpoint) == 6


def test_a_table_is_by_endpoint_and_every_is_for_the_others() -> None:
    expect = Expect(hops={"every": 2, "io_create": 3, "io_read": 0})
    assert [expect.of("hops", name) for name in ("noop", "io_create", "io_read")] == [2, 3, 0]


def test_what_a_table_without_every_does_not_name_is_nothing() -> None:
    expect = Expect(connects={"io_read": 1}, statements={"io_read": 3})
    assert [expect.of("connects", name) for name in ("noop", "io_read")] == [0, 1]
    assert [expect.of("statements", name) for name in ("io_create", "io_read")] == [0, 3]


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_of_what_is_not_said_the_contract_is_asked_or_nothing_is_expected(quantity: str) -> None:
    wanted = None if quantity in FROM_THE_CONTRACT else 0
    assert Expect().of(quantity, "io_read") == wanted
