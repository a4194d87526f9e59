import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.inputs.settings import DatabaseSettings, Ramp, ServerSettings, Setup

SERVER = ServerSettings(workers=2, threads=16, pool_size=8, wait_ms=20)
DATABASE = DatabaseSettings(max_connections=100, durability="on")


@pytest.mark.parametrize(
    ("ramp", "users", "seconds"),
    [
        (Ramp(per_s=5.0, hold_s=80.0), 500, 180.0),
        (Ramp(per_s=2.0, hold_s=1.0), 1, 1.5),
        (Ramp(per_s=0.5, hold_s=10.0), 3, 16.0),
    ],
)
def test_a_ramp_lasts_until_all_users_have_come_and_stayed(
    ramp: Ramp, users: int, seconds: float
) -> None:
    assert ramp.length_s(users) == seconds


@given(
    per_s=st.floats(0.1, 100), hold_s=st.floats(1, 1_000), users=st.integers(1, 2_000),
    share=st.floats(0.01, 1),
)  # fmt: skip
def test_a_scaled_ramp_takes_that_share_of_the_time_for_as_many_users(
    per_s: float, hold_s: float, users: int, share: float
) -> None:
    ramp = Ramp(per_s=per_s, hold_s=hold_s)
    assert ramp.scaled(share).length_s(users) == pytest.approx(share * ramp.length_s(users))


def test_a_scaled_ramp_has_the_same_client() -> None:
    ramp = Ramp(per_s=5.0, hold_s=80.0, client="http")
    assert ramp.scaled(0.5) == Ramp(per_s=10.0, hold_s=40.0, client="http")
    assert ramp.scaled(1) == ramp


def test_a_setup_tells_what_it_sets_by_name_and_nothing_else() -> None:
    assert Setup("toy/good", title="As it is").settings == {}
    assert Setup("toy/good", pool_size=4).settings == {"pool_size": 4}
    every = Setup("toy/good", threads=1, pool_size=2, max_connections=30)
    assert every.settings == {"threads": 1, "pool_size": 2, "max_connections": 30}


@pytest.mark.parametrize(
    ("setup", "server"),
    [
        (Setup("toy/good"), SERVER),
        (Setup("toy/good", threads=1), ServerSettings(2, threads=1, pool_size=8, wait_ms=20)),
        (Setup("toy/good", pool_size=64), ServerSettings(2, threads=16, pool_size=64, wait_ms=20)),
        (Setup("toy/good", max_connections=30), SERVER),
    ],
    ids=["nothing", "threads", "pool", "the database's alone"],
)
def test_a_setups_server_is_the_studys_with_what_the_setup_names(
    setup: Setup, server: ServerSettings
) -> None:
    assert setup.server_settings(SERVER) == server


def test_a_setups_database_is_the_studys_with_the_setups_own_connections() -> None:
    assert Setup("toy/good", threads=1, pool_size=2).database_settings(DATABASE) == DATABASE
    few = Setup("toy/good", max_connections=30).database_settings(DATABASE)
    assert few == DatabaseSettings(max_connections=30, durability="on")
