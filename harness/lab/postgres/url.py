"""URLs of PostgreSQL databases: `postgresql://user:password@host:port/name`."""

from urllib.parse import quote, urlsplit, urlunsplit

from harness.base.errors import UsageError
from harness.lab.network import HOST, Address

URL_FORM = "postgresql://user:password@host:port/name"
_PORT = 5432
"""PostgreSQL's own default."""


def check_url(url: str) -> None:
    """Refuse a URL that some implementation's driver would not take.

    Implementations get a URL of the same form, so it has no query: each driver reads the keys of
    one differently.

    Raises:
        UsageError: it is not `postgresql://user:password@host:port/name`.
    """
    try:
        parts = urlsplit(url)
        fits = parts.scheme == "postgresql" and bool(parts.hostname) and parts.port != 0
        fits = fits and not parts.query
    except ValueError:  # the port is not a number
        fits = False
    if not fits:
        raise UsageError(f"--database-url is not a PostgreSQL URL; write {URL_FORM}.")


def address_of(url: str) -> Address:
    """The host and port of a database URL."""
    parts = urlsplit(url)
    return Address(parts.hostname or HOST, parts.port or _PORT)


def at_address(url: str, there: Address) -> str:
    """The same database and login at another address, as a relay gives it."""
    parts = urlsplit(url)
    login, at, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{login}{at}{quote(there.host)}:{there.port}"))


def with_database(url: str, database: str, login: tuple[str, str] | None = None) -> str:
    """Another database on the same server.

    Args:
        url: of any database there.
        database: the other database's name.
        login: role and password; those of `url` if None.
    """
    parts = urlsplit(url)
    netloc = parts.netloc
    if login is not None:
        role, password = map(quote, login)
        netloc = f"{role}:{password}@{netloc.rpartition('@')[2]}"
    return urlunsplit(parts._replace(netloc=netloc, path=f"/{database}"))
