"""What --database-url accepts, as all drivers take it, and what it refuses by name."""

from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from harness.base.errors import UsageError
from harness.lab.network import Address
from harness.lab.postgres.url import (
    OPTIONS,
    SSL_MODES,
    address_of,
    at_address,
    checked_url,
    with_database,
)

SECRET = "hunter2"
ROLE = ("role", "p")


@pytest.mark.parametrize(
    ("given_url", "taken"),
    [
        ("postgres://u:p@h:1/d", "postgresql://u:p@h:1/d"),
        ("postgresql://u:p@h/d", "postgresql://u:p@h:5432/d"),
        ("postgresql://u:p@h:/d", "postgresql://u:p@h:5432/d"),
        ("postgresql://h", "postgresql://h:5432"),
        ("postgresql://u:p%40%2F%3A%25@h:1/d", "postgresql://u:p%40%2F%3A%25@h:1/d"),
        ("postgresql://u:p@[::1]:1/d", "postgresql://u:p@[::1]:1/d"),
        ("postgresql://u:p@[::1]/d", "postgresql://u:p@[::1]:5432/d"),
        ("postgresql://u:p@h:1/d?", "postgresql://u:p@h:1/d"),
        ("postgresql://h:1/d?application_name=a%20b", "postgresql://h:1/d?application_name=a%20b"),
        ("postgresql://h:1/d?sslmode=require", "postgresql://h:1/d?sslmode=require"),
    ],
)
def test_a_url_is_taken_in_one_spelling(given_url: str, taken: str) -> None:
    assert checked_url(given_url) == taken
    assert checked_url(taken) == taken


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("nonsense", "not a PostgreSQL URL; write postgresql://"),
        ("mysql://u:{}@h/d", "not a PostgreSQL URL"),
        ("postgresql+asyncpg://u:{}@h/d", "begins with `postgresql+asyncpg://`; name no driver"),
        ("host=h password={}", "not a PostgreSQL URL"),
        ("postgresql://u:{}@h:port/d", "has a port that is no number from 1 to 65535"),
        ("postgresql://u:{}@h:0/d", "port 0"),
        ("postgresql://u:{}@h:99999/d", "has a port that is no number from 1 to 65535"),
        ("postgresql://u:{}@[::1/d", "has a `[` or `]` without its partner"),
        ("postgresql:///d", "no host, or a Unix socket"),
        ("postgresql://u:{}@/d?host=/var/run/postgresql", "a Unix socket"),
        ("postgresql://u:{}@%2Fvar%2Frun/d", "a Unix socket"),
        ("postgresql://u:{}@a,b/d", "several hosts; name the one that accepts writes"),
        ("postgresql://u:{}@a:1,b:2/d", "several hosts"),
        ("postgresql://u:{}@/d?host=a,b", "several hosts"),
        ("postgresql://u:{}@h/d?host=a", "`host` among its options; put it into the URL"),
        ("postgresql://u@h/d?password={}", "`password` among its options"),
        ("postgresql://u:12/{}@h/d", "percent-encode"),
        ("postgresql://u:12?{}=x@h/d", "percent-encode"),
        ("postgresql://u:12#{}@h/d", "percent-encode"),
        ("postgresql://u:a@{}@h/d", "an `@` in user or password; percent-encode"),
        ("postgresql://u:%zz{}@h/d", "percent-encode"),
        ("postgresql://u:{}@h/d/e", "percent-encode"),
        ("postgresql://u:{}@h/d?sslmode", "option without a value in place 1"),
        ("postgresql://u:{}@h/d?Secret{}=1", "name is none of libpq's; choose from application_"),
        ("postgresql://u:{}@h/d?sslmode=on", "unknown `sslmode`; choose one of disable, allow"),
        ("postgresql://u:{}@h/d?sslmode=require&sslmode=disable", "`sslmode` twice"),
        ("postgresql://u:{}@h/d?sslmode=verify-full", "without `sslrootcert`"),
        ("postgresql://u:{}@h/d?sslrootcert=/nowhere/ca.pem", "`/nowhere/ca.pem` as `sslrootcert`"),
        ("postgresql://u:{}@h/d?sslrootcert=system", "which cannot be read"),
        ("postgresql://u:{}@h/d?ssl_min_protocol_version=3", "write TLSv1.2 or TLSv1.3"),
        ("postgresql://u:{}@h/d?connect_timeout=3", "`connect_timeout`, but each variant waits"),
        ("postgresql://u:{}@h/d?options=-cjit%3Don", "`options`, but all variants have"),
        ("postgresql://u:{}@h/d?target_session_attrs=any", "`target_session_attrs`, but a run"),
        ("postgresql://u:{}@h/d?channel_binding=require", "`channel_binding`, but not all drivers"),
        ("postgresql://u:{}@h/d?sslpassword={}", "`sslpassword`, but not all drivers"),
        ("postgresql://u:{}@h/d?colour=red", "`colour`, but not all drivers"),
    ],
)
def test_what_a_driver_would_read_differently_is_refused_by_name(url: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        checked_url(url.replace("{}", SECRET))
    assert told in str(caught.value)
    assert str(caught.value).startswith("--database-url ")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("name", ["connect_timeout", "colour", "keepalives"])
def test_a_refused_option_is_told_with_those_that_are_allowed(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        checked_url(f"postgresql://h/d?{name}=1")
    assert all(allowed in str(caught.value) for allowed in OPTIONS)


def test_files_get_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers run in another folder."""
    (tmp_path / "a b.pem").touch()
    monkeypatch.chdir(tmp_path)
    url = checked_url("postgresql://h/d?sslmode=verify-ca&sslrootcert=a%20b.pem")
    assert conninfo_to_dict(url)["sslrootcert"] == str(tmp_path / "a b.pem")


def test_a_root_certificate_is_used_by_all_drivers_or_by_none(tmp_path: Path) -> None:
    """To libpq `require` with one means `verify-ca`; to asyncpg it does not."""
    (tmp_path / "ca.pem").touch()
    url = checked_url(f"postgresql://h/d?sslmode=require&sslrootcert={tmp_path}/ca.pem")
    assert conninfo_to_dict(url)["sslmode"] == "verify-ca"


@pytest.mark.parametrize("mode", SSL_MODES)
def test_at_another_address_only_the_host_name_is_not_verified(tmp_path: Path, mode: str) -> None:
    (tmp_path / "ca.pem").touch()
    url = checked_url(f"postgresql://u:p@h/d?sslmode={mode}&sslrootcert={tmp_path}/ca.pem")
    there = at_address(url, Address("127.0.0.1", 7))
    expected = {"require": "verify-ca", "verify-full": "verify-ca"}.get(mode, mode)
    assert conninfo_to_dict(there)["sslmode"] == expected
    assert address_of(there) == Address("127.0.0.1", 7)


@pytest.mark.parametrize("host", ["::1", "h", "10.0.0.1"])
def test_an_address_goes_in_and_comes_out(host: str) -> None:
    there = Address(host, 7)
    assert address_of(at_address("postgresql://u:p@x:1/d", there)) == there


def test_options_stay_with_the_variants_login() -> None:
    url = with_database(checked_url("postgres://u:p@[::1]/d?sslmode=require"), "mine", ROLE)
    assert url == "postgresql://role:p@[::1]:5432/mine?sslmode=require"


@given(user=st.text(min_size=1), password=st.text(min_size=1))
def test_any_percent_encoded_login_is_taken_as_libpq_reads_it(user: str, password: str) -> None:
    user, password = (text.replace("\0", "0") for text in (user, password))
    try:
        login = f"{quote(user, safe='')}:{quote(password, safe='')}"
    except UnicodeEncodeError:  # a lone surrogate has no spelling
        return
    url = checked_url(f"postgres://{login}@h/d")
    parts = conninfo_to_dict(url)
    assert (parts["user"], parts["password"]) == (user, password)


@given(st.text(max_size=60))
def test_a_refusal_never_shows_a_part_of_what_was_given(text: str) -> None:
    """Whatever it is: any part may belong to a password."""
    secret = "s3cr3t"
    told = ""
    try:
        told = urlsplit(checked_url(f"postgresql://u:{secret}{text}{secret}@h/d")).hostname or ""
    except UsageError as error:
        told = str(error)
    assert secret not in told
