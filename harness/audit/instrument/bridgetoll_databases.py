"""Records what an observed application does with databases: see `bridgetoll_witness.py`.

Recorded are connections that are opened, statements, waits until a pool gives a connection, and
the wrappers that Django makes for its connections.
Statements are recorded without their text and values. Where Django or SQLAlchemy has a driver that
is observed itself, the driver's connections are recorded, else theirs.

A driver of PostgreSQL is led to a relay, where one is offered at the socket `relays` of the
folder: asked for a host and a port, or a path, it answers with another. Without one, or where that
does not work, the driver goes its own way.
"""

import asyncio
import contextvars
import functools
import json
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from socket import AF_UNIX, SOCK_STREAM
from socket import socket as Socket  # noqa: N812 (gevent replaces the one of the module)
from typing import Any
from weakref import ref

import bridgetoll_witness as witness  # type: ignore[import-not-found]

_RELAYS = "relays"
_ASK_S = 5.0
_PORT = "5432"
_SOCKET_FOLDERS = ("/var/run/postgresql", "/tmp")
"""libpq's defaults."""

_open: list[Any] = []
"""References to connections, each with a function that tells whether it is closed."""
_files: set[str] = set()
"""Databases of SQLite."""
_uncounted_connections = False
_direct = False
"""Whether a connection went to its database without a relay."""
_relays: dict[str, dict[str, Any] | None] = {}
_inside: "contextvars.ContextVar[bool]" = contextvars.ContextVar("bridgetoll", default=False)
"""Whether an outer layer records the statement that an inner one would see too."""
_waiting: "contextvars.ContextVar[bool]" = contextvars.ContextVar("bridgetoll_w", default=False)


def _within(
    what: str,
    call: Callable[..., Any],
    name: "tuple[str, str] | None" = None,
    inside: "contextvars.ContextVar[bool]" = _inside,
) -> Callable[..., Any]:
    """Record each call of a function, unless it is a part of another that is recorded.

    name: of one that is written in C. inside: set while a call is under way.
    """

    @functools.wraps(call)
    def observed(*arguments: Any, **named: Any) -> Any:
        if inside.get():
            return call(*arguments, **named)
        happening, token = witness.record(what, call=name), inside.set(True)
        try:
            return call(*arguments, **named)
        finally:
            inside.reset(token)
            happening.end()

    return observed


def _awaited(
    what: str, call: Callable[..., Any], inside: "contextvars.ContextVar[bool]" = _inside
) -> Callable[..., Any]:
    """The same of a coroutine function."""

    @functools.wraps(call)
    async def observed(*arguments: Any, **named: Any) -> Any:
        if inside.get():
            return await call(*arguments, **named)
        happening, token = witness.record(what), inside.set(True)
        try:
            return await call(*arguments, **named)
        finally:
            inside.reset(token)
            happening.end()

    return observed


def _replace(owner: Any, names: Iterable[str], by: Callable[[str, Any], Any], what: str) -> None:
    """Replace functions of a class, where it defines them itself."""
    for name in names:
        if name in vars(owner):
            setattr(owner, name, by(what, vars(owner)[name]))


def _waits(call: Callable[..., Any]) -> Callable[..., Any]:
    """Record a wait for a pool's connection; opening one in it is recorded too."""
    return _within("pool_wait_us", call, inside=_waiting)


def _waits_async(call: Callable[..., Any]) -> Callable[..., Any]:
    return _awaited("pool_wait_us", call, inside=_waiting)


def _opened(connection: Any, is_closed: Callable[[Any], bool]) -> None:
    """Keep an eye on a connection, to tell how many are open."""
    global _uncounted_connections
    try:
        _open.append((ref(connection), is_closed))
    except TypeError:
        _uncounted_connections = True


def _psycopg_generators() -> None:
    """Connections of psycopg 3, sync and async, where a name has been resolved already."""
    generators: Any = sys.modules["psycopg.generators"]
    connect = generators.connect

    def observed(conninfo: str, *arguments: Any, **named: Any) -> Any:
        from psycopg.conninfo import conninfo_to_dict, make_conninfo

        happening = witness.record("connections")
        try:
            moved = _moved(conninfo, conninfo_to_dict, make_conninfo)
            try:
                return (yield from connect(moved, *arguments, **named))
            except Exception:
                if moved == conninfo:
                    raise
            _note_direct("a relay before it did not work")
            return (yield from connect(conninfo, *arguments, **named))
        except BaseException:
            witness.forget(happening)
            raise
        finally:
            happening.end()

    generators.connect = observed


def _psycopg_connections(module: str, name: str) -> None:
    """Keep an eye on the connections that psycopg 3 makes."""
    owner = getattr(sys.modules[module], name)
    init = owner.__init__

    def observed(self: Any, *arguments: Any, **named: Any) -> None:
        init(self, *arguments, **named)
        _opened(self, lambda connection: bool(connection.closed))

    owner.__init__ = observed


def _psycopg_cursors(module: str, name: str, wrap: Callable[[str, Any], Any]) -> None:
    _replace(getattr(sys.modules[module], name), ("execute", "executemany"), wrap, "statements")


def _psycopg2() -> None:
    import psycopg2  # type: ignore[import-untyped]
    from psycopg2.extensions import cursor as base  # type: ignore[import-untyped]
    from psycopg2.extensions import make_dsn, parse_dsn

    connect = psycopg2._connect

    class Cursor(base):  # type: ignore[misc]
        execute = _within("statements", base.execute, ("psycopg2", "execute"))
        executemany = _within("statements", base.executemany, ("psycopg2", "executemany"))
        callproc = _within("statements", base.callproc, ("psycopg2", "callproc"))

    def observed(dsn: str, *arguments: Any, **named: Any) -> Any:
        happening = witness.record("connections")
        try:
            moved = _moved(dsn, parse_dsn, make_dsn)
            try:
                connection = connect(moved, *arguments, **named)
            except Exception:
                if moved == dsn:
                    raise
                _note_direct("a relay before it did not work")
                connection = connect(dsn, *arguments, **named)
        except BaseException:
            witness.forget(happening)
            raise
        finally:
            happening.end()
        _opened(connection, lambda it: bool(it.closed))
        if connection.cursor_factory in (None, base):
            connection.cursor_factory = Cursor
        return connection

    psycopg2._connect = observed


def _asyncpg_connect() -> None:
    from asyncpg import connect_utils  # type: ignore[import-not-found]

    connect = connect_utils._connect_addr

    async def observed(*, addr: Any, **named: Any) -> Any:
        happening = witness.record("connections")
        try:
            moved = await _moved_address(addr)
            try:
                connection = await connect(addr=moved, **named)
            except OSError:
                if moved == addr:
                    raise
                _note_direct("a relay before it did not work")
                connection = await connect(addr=addr, **named)
        except BaseException:
            witness.forget(happening)
            raise
        finally:
            happening.end()
        _opened(connection, lambda it: bool(it.is_closed()))
        return connection

    connect_utils._connect_addr = observed


def _asyncpg_protocol() -> None:
    from asyncpg.protocol.protocol import Protocol  # type: ignore[import-not-found]

    for name in ("query", "bind_execute", "bind_execute_many", "bind", "copy_out", "copy_in"):
        call = getattr(Protocol, name, None)
        if call is not None:
            setattr(Protocol, name, _awaited("statements", call))


def _django_cursors() -> None:
    from django.db.backends.utils import CursorWrapper  # type: ignore[import-not-found]

    _replace(CursorWrapper, ("execute", "executemany", "callproc"), _within, "statements")


def _django_connections() -> None:
    """Connections of backends whose driver is not observed itself."""
    from django.db.backends.base.base import BaseDatabaseWrapper  # type: ignore[import-not-found]

    connect = BaseDatabaseWrapper.connect

    @functools.wraps(connect)
    def observed(self: Any) -> Any:
        global _direct, _uncounted_connections
        if self.vendor in ("postgresql", "sqlite"):
            return connect(self)
        happening = witness.record("connections")
        try:
            answer = connect(self)
        except BaseException:
            witness.forget(happening)
            raise
        finally:
            happening.end()
        _direct = _uncounted_connections = True
        return answer

    BaseDatabaseWrapper.connect = observed


def _django_wrappers() -> None:
    """Objects around a connection, of which Django makes one for each thread and database."""
    from django.db.utils import ConnectionHandler  # type: ignore[import-not-found]

    make = ConnectionHandler.create_connection

    @functools.wraps(make)
    def observed(self: Any, alias: str) -> Any:
        happening = witness.record("wrappers")
        try:
            return make(self, alias)
        except BaseException:
            witness.forget(happening)
            raise
        finally:
            happening.end()

    ConnectionHandler.create_connection = observed


def _sqlalchemy_dialect() -> None:
    from sqlalchemy.engine.default import DefaultDialect  # type: ignore[import-not-found]

    connect = DefaultDialect.connect

    @functools.wraps(connect)
    def observed(self: Any, *arguments: Any, **named: Any) -> Any:
        global _direct, _uncounted_connections
        if self.driver in _OBSERVED_DRIVERS:
            return connect(self, *arguments, **named)
        happening = witness.record("connections")
        try:
            answer = connect(self, *arguments, **named)
        except BaseException:
            witness.forget(happening)
            raise
        finally:
            happening.end()
        _direct = _uncounted_connections = True
        return answer

    DefaultDialect.connect = observed
    names = ("do_execute", "do_executemany", "do_execute_no_params")
    _replace(DefaultDialect, names, _within, "statements")


_OBSERVED_DRIVERS = frozenset(
    {"psycopg", "psycopg_async", "psycopg2", "asyncpg", "pysqlite", "aiosqlite"}
)
"""SQLAlchemy's names of those that are observed themselves."""


def _pools(module: str, name: str, method: str, wrap: Callable[[Any], Any]) -> None:
    owner = getattr(sys.modules[module], name)
    setattr(owner, method, wrap(vars(owner)[method]))


def _sqlite() -> None:
    """Connections of sqlite3; its classes cannot be replaced, so statements are traced."""
    module: Any = sys.modules["sqlite3.dbapi2"]
    connect = module.connect

    @functools.wraps(connect)
    def observed(database: Any, *arguments: Any, **named: Any) -> Any:
        global _direct
        happening = witness.record("connections", call=("sqlite3", "connect"))
        try:
            connection = connect(database, *arguments, **named)
        except BaseException:
            witness.forget(happening)
            raise
        finally:
            happening.end()
        _direct = True
        if isinstance(database, str | bytes | os.PathLike):
            name = os.fsdecode(database)
            _files.add(os.path.realpath(name.removeprefix("file:").partition("?")[0]))
        connection.set_trace_callback(_traced)
        return connection

    module.connect = observed


def _traced(_sql: str) -> None:
    if not _inside.get():
        witness.record("statements", call=("sqlite3", "execute")).end()


# Relays


def _moved(dsn: str, parse: Callable[[str], Any], make: Callable[..., str]) -> str:
    """A connection string of libpq that leads to the relay before its database."""
    given = {name: str(value) for name, value in parse(dsn).items() if value is not None}
    variable = os.environ.get
    if given.get("service") or variable("PGSERVICE"):
        _note_direct("a service file names it")
        return dsn
    host = given.get("hostaddr") or given.get("host")
    host = host or variable("PGHOSTADDR") or variable("PGHOST")
    port = given.get("port") or variable("PGPORT") or _PORT
    if not host:
        host = next((p for p in _SOCKET_FOLDERS if Path(p, f".s.PGSQL.{port}").exists()), None)
    if not host or "," in host or "," in port or host.startswith("@"):
        _note_direct("it has several addresses, or one of the driver's own")
        return dsn
    if not given.get("password") and not variable("PGPASSWORD"):
        file = given.get("passfile") or variable("PGPASSFILE") or Path.home() / ".pgpass"
        if Path(file).is_file():  # libpq finds a password by host and port
            _note_direct("its password stands in a file, by its address")
            return dsn
    if host.startswith("/"):
        relay = _relay({"path": f"{host}/.s.PGSQL.{port}"})
        return dsn if relay is None else make(dsn, host=relay["host"], port=str(relay["port"]))
    relay = _relay({"host": host, "port": int(port)})
    if relay is None:
        return dsn
    return make(dsn, hostaddr=relay["host"], port=str(relay["port"]))


async def _moved_address(address: Any) -> Any:
    """The address of the relay; a name is resolved all the same, because that may take a hop."""
    if isinstance(address, str):
        relay = _relay({"path": address})
        return address if relay is None else f"{relay['host']}/.s.PGSQL.{relay['port']}"
    host, port = address[:2]
    relay = _relay({"host": host, "port": int(port)})
    if relay is None:
        return address
    if not _is_address(host):
        await asyncio.get_running_loop().getaddrinfo(host, port, type=SOCK_STREAM)
    return (relay["host"], relay["port"])


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


def _relay(target: dict[str, Any]) -> dict[str, Any] | None:
    """Ask for the relay before a target; None where there is none."""
    key = json.dumps(target, sort_keys=True)
    if key not in _relays:
        _relays[key] = _asked(key)
    if _relays[key] is None:
        _note_direct("no relay could be put before it")
    return _relays[key]


def _asked(question: str) -> dict[str, Any] | None:
    desk = Path(os.environ[witness.FOLDER]) / _RELAYS
    try:
        with Socket(AF_UNIX, SOCK_STREAM) as asking:
            asking.settimeout(_ASK_S)
            asking.connect(str(desk))
            asking.sendall(question.encode() + b"\n")
            answer = b""
            while not answer.endswith(b"\n") and (piece := asking.recv(4096)):
                answer += piece
        told = json.loads(answer)
    except (OSError, ValueError):
        return None
    return told if isinstance(told, dict) and "port" in told else None


def _note_direct(why: str) -> None:
    """A connection goes to its database directly."""
    global _direct
    _direct = True
    note = f"Messages to PostgreSQL were not read: {why}."
    if note not in witness.notes:
        witness.notes.append(note)


def _open_connections() -> int:
    """How many are open; other threads may open and close some meanwhile."""
    count = 0
    for entry in list(_open):
        connection = entry[0]()
        if connection is None or entry[1](connection):
            _open.remove(entry)
        else:
            count += 1
    return count + sum(_handles(file) for file in list(_files))


def _handles(file: str) -> int:
    """How often this process has a file open."""
    count = 0
    folder = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"  # noqa: PTH112
    for name in os.listdir(folder):  # noqa: PTH208
        try:
            count += os.readlink(f"{folder}/{name}") == file  # noqa: PTH115
        except OSError:
            continue
    return count


WATCHES: dict[str, Callable[[], None]] = {
    "sqlite3.dbapi2": _sqlite,
    "psycopg.generators": _psycopg_generators,
    "psycopg.connection": lambda: _psycopg_connections("psycopg.connection", "Connection"),
    "psycopg.connection_async": lambda: _psycopg_connections(
        "psycopg.connection_async", "AsyncConnection"
    ),
    "psycopg.cursor": lambda: _psycopg_cursors("psycopg.cursor", "Cursor", _within),
    "psycopg.cursor_async": lambda: _psycopg_cursors(
        "psycopg.cursor_async", "AsyncCursor", _awaited
    ),
    "psycopg_pool.pool": lambda: _pools("psycopg_pool.pool", "ConnectionPool", "getconn", _waits),
    "psycopg_pool.pool_async": lambda: _pools(
        "psycopg_pool.pool_async", "AsyncConnectionPool", "getconn", _waits_async
    ),
    "psycopg2": _psycopg2,
    "asyncpg.connect_utils": _asyncpg_connect,
    "asyncpg.protocol.protocol": _asyncpg_protocol,
    "asyncpg.pool": lambda: _pools("asyncpg.pool", "Pool", "_acquire", _waits_async),
    "django.db.backends.utils": _django_cursors,
    "django.db.backends.base.base": _django_connections,
    "django.db.utils": _django_wrappers,
    "sqlalchemy.engine.default": _sqlalchemy_dialect,
    "sqlalchemy.pool.impl": lambda: _pools("sqlalchemy.pool.impl", "QueuePool", "_do_get", _waits),
}
"""By module: what observes it, once it is imported."""


def _tell_open() -> dict[str, Any]:
    """What is open, whether something goes past the relays, and what cannot be seen."""
    known = None if _uncounted_connections else _open_connections()
    return {"connections": known, "direct": _direct, "notes": witness.notes}


ANSWERS: dict[bytes, Callable[[], dict[str, Any]]] = {b"open": _tell_open}
"""By question."""

os.register_at_fork(after_in_child=_open.clear)
