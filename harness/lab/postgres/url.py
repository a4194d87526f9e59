"""URLs of PostgreSQL databases: `postgresql://user:password@host:port/name?sslmode=...`.

A URL of the user's is read once, by `checked_url`, which refuses what some driver would not take or
would take differently. No message quotes a URL: any part of it may belong to a password.
"""

import re
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from harness.base.errors import UsageError
from harness.lab.network import HOST, Address

URL_FORM = "postgresql://user:password@host:port/name"
_SCHEMES = ("postgresql", "postgres")
_PORT = 5432
"""PostgreSQL's own default."""
_LAST_PORT = 65_535
OPTIONS = (
    "application_name", "ssl_max_protocol_version", "ssl_min_protocol_version", "sslcert", "sslkey",
    "sslmode", "sslrootcert",
)  # fmt: skip
"""What libpq and asyncpg, and so all drivers, read in the same way."""
_FILES = ("sslcert", "sslkey", "sslrootcert")
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_IN_URL = frozenset({"host", "port", "user", "password", "dbname", "database"})
_REASONS = {
    "connect_timeout": "each variant waits POOL_TIMEOUT for a connection",
    "hostaddr": "the host of the URL is the address",
    "options": "all variants have the session settings of their roles",
    "passfile": "the password stands in the URL",
    "service": "only libpq reads service files",
    "target_session_attrs": "a run needs one server, which accepts writes",
}
"""Why an option is refused, where more can be said than that asyncpg does not know it."""


def checked_url(url: str) -> str:
    """The URL as all drivers take it: `postgresql://`, one host, and only `OPTIONS` after `?`.

    Paths of files become absolute, because servers run in their implementation's folder. `require`
    with a root certificate becomes `verify-ca`, which it means to libpq and not to asyncpg.

    Raises:
        UsageError: a driver would refuse it, or read it differently.
    """
    parts = _split(url)
    _check_host(parts)
    if parts.fragment or any("@" in part for part in (parts.path, parts.query)):
        raise _refused("has a `#`, `/`, `?` or `@` in the wrong place", _ENCODE)
    if "/" in parts.path.removeprefix("/"):
        raise _refused("has a `/` in the database's name", _ENCODE)
    if bad := _bad_percent(f"{parts.netloc}{parts.path}"):
        raise _refused(f"has a `%` that is followed by no two hexadecimal digits{bad}", _ENCODE)
    netloc = parts.netloc if parts.port else f"{parts.netloc.removesuffix(':')}:{_PORT}"
    query = _options(parts.query)
    return urlunsplit(parts._replace(scheme="postgresql", netloc=netloc, query=query))


_ENCODE = "percent-encode such characters of user, password and name (`@` is `%40`)"


_DRIVER = re.compile(r"postgres(?:ql)?\+[a-z0-9_]{1,20}://")
"""SQLAlchemy's spelling, with the driver in the scheme."""


def _refused(problem: str, remedy: str) -> UsageError:
    return UsageError(f"--database-url {problem}; {remedy}.")


def _split(url: str) -> SplitResult:
    parts, wrong = _parsed(url)
    if "," in url.partition("://")[2].partition("/")[0].rpartition("@")[2]:
        raise _refused("names several hosts", "name the one that accepts writes")
    if scheme := _DRIVER.match(url):
        raise _refused(f"begins with `{scheme[0]}`", "name no driver: write postgresql://")
    remedy = f"write {URL_FORM}, with special characters percent-encoded (`@` is `%40`)"
    known = url.partition("://")[0].lower() in _SCHEMES
    if not known or not url.isprintable() or " " in url:
        raise _refused("is not a PostgreSQL URL", remedy)
    if parts is None:
        raise _refused(wrong, remedy)
    return parts


def _parsed(url: str) -> tuple[SplitResult | None, str]:
    """Its parts; or None, and which of them is wrong."""
    try:
        parts = urlsplit(url)
    except ValueError:
        if "[" in url or "]" in url:
            return None, "has a `[` or `]` without its partner, or no IPv6 address within them"
        return None, "is not a PostgreSQL URL"
    try:
        _ = parts.port
    except ValueError:
        return None, f"has a port that is no number from 1 to {_LAST_PORT}"
    return parts, ""


def _check_host(parts: SplitResult) -> None:
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    host = unquote(parts.hostname or "")
    if host.startswith(("/", "@")) or (not host and given.get("host", "/").startswith(("/", "@"))):
        raise _refused(
            "names no host, or a Unix socket, through which audits and added latency cannot look",
            f"name a host that listens on TCP, such as {HOST}",
        )
    if "," in given.get("host", ""):
        raise _refused("names several hosts", "name the one that accepts writes")
    if host and parts.port == 0:
        raise _refused("has the port 0", f"write {URL_FORM}")
    if "@" in parts.netloc.rpartition("@")[0]:
        raise _refused("has an `@` in user or password", _ENCODE)


def _bad_percent(text: str) -> str:
    return " in user, password, host or name" if re.search(r"%(?![0-9A-Fa-f]{2})", text) else ""


def _options(query: str) -> str:
    """The options, checked by name and value."""
    given: dict[str, str] = {}
    for pair in filter(None, query.split("&")):
        name, equals, value = pair.partition("=")
        name = unquote(name)
        if not equals:
            raise _refused(f"has an option without a value {_position(given)}", "write name=value")
        _check_name(name)
        if name in given:
            raise _refused(f"has the option `{name}` twice", "leave one of them out")
        if _bad_percent(value):
            raise _refused(f"has a wrong `%` in `{name}`", "write `%25` for a percent sign")
        given[name] = unquote(value)
    return urlencode(_normal(given), quote_via=quote)


def _position(given: dict[str, str]) -> str:
    return f"in place {len(given) + 1}"


def _check_name(name: str) -> None:
    if name in OPTIONS:
        return
    if not re.fullmatch(r"[a-z_]{2,40}", name):
        raise _refused("has an option whose name is none of libpq's", f"choose from {_allowed()}")
    if name in _IN_URL:
        raise _refused(f"has `{name}` among its options", f"put it into the URL: {URL_FORM}")
    reason = _REASONS.get(name, "not all drivers of the variants read it alike")
    raise _refused(
        f"has the option `{name}`, but {reason}", f"leave it out; allowed are {_allowed()}"
    )


def _allowed() -> str:
    return ", ".join(OPTIONS)


def _normal(given: dict[str, str]) -> dict[str, str]:
    mode = given.get("sslmode")
    if mode is not None and mode not in SSL_MODES:
        raise _refused("has an unknown `sslmode`", f"choose one of {', '.join(SSL_MODES)}")
    for name in ("ssl_min_protocol_version", "ssl_max_protocol_version"):
        if name in given and given[name] not in ("TLSv1.2", "TLSv1.3"):
            raise _refused(f"has an unknown `{name}`", "write TLSv1.2 or TLSv1.3")
    for name in _FILES:
        if name in given:
            given[name] = _file(name, given[name])
    if ("sslcert" in given) is not ("sslkey" in given):
        raise _refused("has one of `sslcert` and `sslkey`", "give both, or neither")
    if mode in ("verify-ca", "verify-full") and "sslrootcert" not in given:
        raise _refused(
            f"has `sslmode={mode}` without `sslrootcert`",
            "name the file of the authority's certificate; drivers search in different places",
        )
    if mode == "require" and "sslrootcert" in given:
        given["sslmode"] = "verify-ca"
    return given


def _file(name: str, value: str) -> str:
    path = Path(value).expanduser().absolute()
    try:
        path.open("rb").close()
    except OSError as error:
        raise _refused(
            f"names `{path}` as `{name}`, which cannot be read ({error.strerror})",
            "name a readable file, and percent-encode its path",
        ) from None
    return str(path)


def address_of(url: str) -> Address:
    """The host and port of a database URL."""
    parts = urlsplit(url)
    return Address(unquote(parts.hostname or HOST), parts.port or _PORT)


def at_address(url: str, there: Address) -> str:
    """The same database and login at another address, as a relay gives it.

    The server's certificate names the host of the user's URL and not the relay's. So `verify-full`
    becomes `verify-ca` there, for all variants alike. The harness's own connections, which bypass
    relays, still verify the name.
    """
    parts = urlsplit(url)
    login, at, _ = parts.netloc.rpartition("@")
    host = f"[{there.host}]" if ":" in there.host else quote(there.host)
    options = dict(parse_qsl(parts.query))
    if options.get("sslmode") == "verify-full":
        options["sslmode"] = "verify-ca"
    query = urlencode(options, quote_via=quote)
    return urlunsplit(parts._replace(netloc=f"{login}{at}{host}:{there.port}", query=query))


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
