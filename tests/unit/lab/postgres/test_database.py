"""The database layer on a real server: as our own cluster, and as somebody else's."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from harness.base.errors import DatabaseFailed, UsageError
from harness.base.workspace import Workspace
from harness.inputs.contract import Contract
from harness.inputs.settings import DatabaseSettings
from harness.lab.network import HOST, free_port
from harness.lab.postgres import database as databases
from harness.lab.postgres.cluster import EmbeddedPostgres
from harness.lab.postgres.connection import OLDEST_VERSION, check_version
from harness.lab.postgres.database import Counted, Database
from harness.lab.process import wait_until
from tests.waiting import PATIENCE_S


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left of a database whose server was too busy would be told here."""
    monkeypatch.setattr(databases, "_DROP_S", int(PATIENCE_S))


INSERT = (
    "INSERT INTO post (id, title, content, created_at, updated_at) "
    "VALUES (gen_random_uuid(), 't', 'c', now(), now())"
)
CHECKSUM: LiteralString = "SELECT md5(string_agg(p::text, '|' ORDER BY id)), count(*) FROM post p"


def ask(url: str, *queries: LiteralString) -> list[tuple[object, ...]]:
    """Run queries on a connection of their own; return the rows of the last."""
    with psycopg.connect(url, autocommit=True) as connection:
        for query in queries[:-1]:
            connection.execute(query)
        found = connection.execute(queries[-1])
        return found.fetchall() if found.description else []


def leftovers(url: str) -> set[object]:
    """Databases and login roles of ours on a server."""
    names = ask(
        url,
        r"SELECT datname FROM pg_database WHERE datname LIKE 'bridgetoll\_%' "
        r"UNION SELECT rolname FROM pg_roles WHERE rolname LIKE 'bridgetoll\_%' AND rolcanlogin",
    )
    return {name for (name,) in names}


@contextlib.contextmanager
def role(cluster: EmbeddedPostgres, rights: LiteralString) -> Iterator[str]:
    """The URL of a role on the server that may do no more than it says."""
    ask(cluster.url, "CREATE ROLE somebody PASSWORD 'p' LOGIN " + rights)
    parts = urlsplit(cluster.url)
    try:
        yield parts._replace(netloc=f"somebody:p@{parts.hostname}:{parts.port}").geturl()
    finally:
        ask(cluster.url, "DROP ROLE somebody")


def test_reset_gives_the_same_rows_every_time(database: Database) -> None:
    """Whatever was in the table before. The figure is the same on every machine, too."""
    database.reset(1_000)
    first = database.rows(CHECKSUM)
    ask(database.login("a/a"), INSERT)
    assert database.rows("SELECT count(*) FROM post") == [(1_001,)]
    database.reset(1_000)
    assert database.rows(CHECKSUM) == first
    assert first[0][1] == 1_000


@pytest.mark.parametrize("rows", [0, 1, 24])
def test_reset_to_any_number_of_rows(database: Database, rows: int) -> None:
    database.reset(rows)
    assert database.rows("SELECT count(*) FROM post") == [(rows,)]


def test_rows_are_as_the_contract_has_them(database: Database, contract: Contract) -> None:
    database.reset(3)
    row_to_json: LiteralString = "SELECT row_to_json(p) FROM post p"
    posts = [post for (post,) in database.rows(row_to_json)]
    assert len(posts) == 3
    assert [contract.problem("Post", post) for post in posts] == [None] * 3


def test_reset_leaves_statistics_for_the_planner(database: Database) -> None:
    database.reset(500)
    found = database.rows("SELECT reltuples FROM pg_class WHERE oid = 'post'::regclass")
    assert found == [(500.0,)]


def test_each_variant_has_a_role_of_its_own(database: Database) -> None:
    """Also those whose names differ only where the slash stands, or beyond what a name may hold."""
    long = "x" * 80
    variants = ["a-b/c", "a/b-c", f"{long}/1", f"{long}/2"]
    urls = [database.login(variant) for variant in variants]
    assert urls == [database.login(variant) for variant in variants]
    seen = [ask(url, "SELECT current_user, current_database()")[0] for url in urls]
    assert len({user for user, _ in seen}) == len(variants)
    assert len({name for _, name in seen}) == 1


def test_a_variants_role_may_read_and_insert_and_no_more(database: Database) -> None:
    url = database.login("a/a")
    ask(url, INSERT)
    assert ask(url, "SELECT count(*) FROM post") == [(1,)]
    for refused in ("DELETE FROM post", "TRUNCATE post", "CREATE TABLE mine ()"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ask(url, refused)


def test_a_variants_session_is_in_utc_without_a_set(database: Database) -> None:
    """And would not change by the SET that a driver sends if the spelling differed."""
    url = database.login("a/a")
    source = "SELECT setting, source FROM pg_settings WHERE name = 'TimeZone'"
    assert ask(url, source) == [("UTC", "user")]
    assert ask(url, "SHOW statement_timeout") == [("10min",)]


def test_statements_are_counted_per_variant(database: Database) -> None:
    one, two = database.login("a/one"), database.login("a/two")
    database.reset(3)
    database.forget_statements()
    ask(one, INSERT, INSERT, "SELECT id FROM post")
    ask(two, "BEGIN", "SELECT id FROM post", "COMMIT")
    database.rows("SELECT id FROM post")  # our own
    counted = {(c.verb, c.calls, c.rows) for c in database.statements("a/one")}
    assert counted == {("INSERT", 2, 2), ("SELECT", 1, 5)}
    counted = {(c.verb, c.calls, c.rows) for c in database.statements("a/two")}
    assert counted == {("BEGIN", 1, 0), ("SELECT", 1, 5), ("COMMIT", 1, 0)}
    database.forget_statements()
    assert database.statements("a/one") == database.statements("a/two") == []


def test_a_variant_that_never_came_has_sent_nothing(database: Database) -> None:
    assert database.statements("a/never") == []


@pytest.mark.parametrize(
    ("query", "verb", "touches"),
    [
        ("SELECT * FROM post", "SELECT", True),
        ("  insert into post values ($1)", "INSERT", True),
        ('(SELECT 1) UNION SELECT count(*) FROM "post"', "SELECT", True),
        ("COMMIT;", "COMMIT", False),
        ("SELECT posts FROM postmaster", "SELECT", False),
    ],
)
def test_a_counted_statement_knows_its_verb_and_its_table(
    query: str, verb: str, touches: bool
) -> None:
    counted = Counted(query=query, calls=1, rows=1)
    assert (counted.verb, counted.touches_posts) == (verb, touches)


def test_settings_are_told_by_name(database: Database) -> None:
    told = database.settings()
    assert told["fsync"] == "off"
    assert told["server_version"].startswith("18")
    assert not any("password" in value for value in told.values())


def test_one_variant_is_cut_off_as_by_a_shutdown_and_no_other_is(database: Database) -> None:
    url, other = database.login("a/a"), database.login("a/b")
    with psycopg.connect(url, autocommit=True) as cut, psycopg.connect(other) as spared:
        assert database.connections() == {"a/a": 1, "a/b": 1}
        database.cut_off("a/a")
        with pytest.raises(psycopg.errors.AdminShutdown):
            cut.execute("SELECT 1")
        assert spared.execute("SELECT 1").fetchone() == (1,)
        database.cut_off()
        with pytest.raises(psycopg.errors.AdminShutdown):
            spared.execute("SELECT 1")
    assert ask(url, "SELECT 1") == [(1,)]


def test_another_database_on_our_cluster_has_its_own_rows_roles_and_counts(
    cluster: EmbeddedPostgres, contract: Contract
) -> None:
    """Both are used for the same variant at a time, and the further one is dropped."""
    with Database(cluster.url, contract, cluster) as database:
        before = leftovers(cluster.url)
        with database.another() as other:
            url, there = database.login("a/a"), other.login("a/a")
            database.reset(5)
            other.reset(7)
            database.forget_statements()
            ask(there, "SELECT count(*) FROM post")
            assert [(c.verb, c.calls) for c in other.statements("a/a")] == [("SELECT", 1)]
            assert database.statements("a/a") == []
            assert ask(url, "SELECT count(*) FROM post") == [(5,)]
            with other.posts_locked():
                database.reset(3)
            assert other.rows("SELECT count(*) FROM post") == [(7,)]
            assert other.postmaster_pid == cluster.pid
            mine = leftovers(cluster.url) - before
        assert len(mine) == 3  # its database and role, and the first one's role
        assert len(leftovers(cluster.url) - before) == 1


def test_a_foreign_server_is_left_as_it_was_found(
    cluster: EmbeddedPostgres, contract: Contract
) -> None:
    """Even while somebody of ours is still connected."""
    before = leftovers(cluster.url)
    with contextlib.ExitStack() as stack:
        with Database(cluster.url, contract) as database:
            stack.enter_context(contextlib.closing(psycopg.connect(database.login("a/a"))))
            assert len(leftovers(cluster.url) - before) == 2
        assert leftovers(cluster.url) == before


def test_two_runs_on_one_server_do_not_meet(cluster: EmbeddedPostgres, contract: Contract) -> None:
    """The same variant in both: other rows, other roles, other counts."""
    with Database(cluster.url, contract) as first:
        url = first.login("a/a")
        with Database(cluster.url, contract) as second:
            ask(second.login("a/a"), INSERT)
            second.forget_statements()
            ask(url, INSERT, INSERT)
            assert second.statements("a/a") == []
            assert second.rows("SELECT count(*) FROM post") == [(1,)]
        assert ask(url, "SELECT count(*) FROM post") == [(2,)]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hello",
        "http://localhost/",
        "mysql://u:p@localhost/d",
        "host=localhost dbname=d",
        "postgresql://u:p@localhost:port/d",
        "postgresql://u:p@localhost:99999/d",
    ],
)
def test_what_is_no_url_is_a_sentence_that_shows_one(contract: Contract, url: str) -> None:
    told = r"^--database-url (is not a PostgreSQL URL|has a port).*; write postgresql://user:pass"
    with pytest.raises(UsageError, match=told), Database(url, contract):
        pass


def test_an_unreachable_server_is_a_sentence(contract: Contract) -> None:
    url = f"postgresql://u:secret@{HOST}:{free_port()}/d"
    with pytest.raises(DatabaseFailed) as caught, Database(url, contract):
        pass
    assert str(caught.value).startswith("The database cannot be reached: ")
    assert str(caught.value).endswith("or leave it out to use the embedded PostgreSQL.")
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "?" not in str(caught.value)  # libpq asks whether the server is running


def test_a_refused_login_is_a_sentence(cluster: EmbeddedPostgres, contract: Contract) -> None:
    parts = urlsplit(cluster.url)
    url = parts._replace(netloc=f"nobody:wrong@{HOST}:{parts.port}").geturl()
    told = r"cannot be reached: .*password authentication failed.*; check --database-url"
    with pytest.raises(DatabaseFailed, match=told), Database(url, contract):
        pass


@pytest.mark.parametrize(
    "rights", ["", "IN ROLE pg_read_all_settings", "CREATEDB IN ROLE pg_read_all_settings"]
)
def test_a_role_without_the_rights_is_a_sentence_and_nothing_is_left(
    cluster: EmbeddedPostgres, contract: Contract, rights: LiteralString
) -> None:
    before = leftovers(cluster.url)
    with role(cluster, rights) as url:
        told = r"^The database cannot be prepared: .*; let --database-url name a superuser"
        with pytest.raises(DatabaseFailed, match=told), Database(url, contract):
            pass
        assert leftovers(cluster.url) == before


def test_a_schema_that_fails_leaves_nothing(
    cluster: EmbeddedPostgres, workspace: Workspace
) -> None:
    before = leftovers(cluster.url)
    (workspace.shared / "schema.sql").write_text("CREATE TABEL post ()")
    with (
        pytest.raises(DatabaseFailed, match=r"syntax error at or near \"TABEL\""),
        Database(cluster.url, Contract(workspace)),
    ):
        pass
    assert leftovers(cluster.url) == before


@pytest.mark.parametrize("number", [90_624, 130_023])
def test_a_server_that_is_too_old_is_a_sentence(number: int) -> None:
    told = rf"is PostgreSQL {number // 10_000}, and bridgetoll needs {OLDEST_VERSION} or later;"
    with pytest.raises(UsageError, match=told):
        check_version(number)


@pytest.mark.parametrize("number", [OLDEST_VERSION * 10_000, 180_006])
def test_a_server_that_is_new_enough_is_taken(number: int) -> None:
    check_version(number)


class WithoutStatistics(EmbeddedPostgres):
    """A server as it comes: nothing is preloaded."""

    def _options(self) -> list[str]:
        settings = [part for part in super()._options() if part != "-c"]
        return [f"--{setting}" for setting in settings if "preload" not in setting]


def test_a_server_that_does_not_count_statements_is_a_sentence(
    cache: Path, contract: Contract
) -> None:
    with WithoutStatistics(cache, DatabaseSettings(max_connections=10)) as postgres:
        told = r"does not load pg_stat_statements, .*; add it to shared_preload_libraries"
        with pytest.raises(UsageError, match=told), Database(postgres.url, contract):
            pass
        assert leftovers(postgres.url) == set()


def test_the_role_is_the_one_that_the_variant_logs_in_with(database: Database) -> None:
    """And is made when it is first asked for, whichever comes first."""
    name = database.role("a/a")
    assert ask(database.login("a/a"), "SELECT current_user::text") == [(name,)]
    assert ask(database.login("b/b"), "SELECT current_user::text") == [(database.role("b/b"),)]
    assert database.role("a/a") == name


def test_another_connection_of_our_own_is_another_and_can_do_as_much(database: Database) -> None:
    with database.connect() as other:
        assert other.autocommit
        assert other.info.backend_pid != database.admin.info.backend_pid
        assert other.execute("SELECT current_database()").fetchone() == (
            database.rows("SELECT current_database()")[0][0],
        )
        other.execute("TRUNCATE post")
        assert other.execute("SHOW lock_timeout").fetchone() == ("10s",)
    assert database.rows("SELECT 1") == [(1,)]


def test_a_server_that_gives_no_new_connection_is_found_while_old_ones_go_on(
    database: Database,
) -> None:
    ((name,),) = database.rows("SELECT current_database()")
    allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    database.check_accepts()
    with psycopg.connect(database.url, autocommit=True) as elsewhere:
        elsewhere.execute(allow.format(sql.Identifier(str(name)), sql.Literal(False)))
        try:
            database.check_answers()
            with pytest.raises(DatabaseFailed, match="cannot be reached"):
                database.check_accepts()
        finally:
            elsewhere.execute(allow.format(sql.Identifier(str(name)), sql.Literal(True)))
    database.check_accepts()


def settled_counters(database: Database) -> dict[str, int]:
    """With all that our own connection has done so far, which it would add a second later."""
    database.execute("SELECT pg_stat_force_next_flush()")
    return database.counters()


def test_the_counters_grow_by_what_was_done(database: Database) -> None:
    url = database.login("a/a")
    before = settled_counters(database)
    with psycopg.connect(url) as connection:
        for _ in range(3):
            connection.execute(INSERT)
        connection.commit()
        connection.execute(INSERT)
        connection.rollback()
    # A backend adds its counts when it ends, which may be after its client has gone.
    assert wait_until(
        lambda: database.counters()["rows_inserted"] >= before["rows_inserted"] + 4, PATIENCE_S
    )
    after = database.counters()
    grown = {key: after[key] - before[key] for key in before}
    assert grown["rows_inserted"] == 4  # also those that were taken back
    assert grown["sessions"] == 1
    assert grown["rollbacks"] == 1
    assert grown["commits"] >= 1
    assert grown["deadlocks"] == grown["temporary_files"] == 0


def test_the_counters_are_of_this_database_alone(
    database: Database, cluster: EmbeddedPostgres
) -> None:
    before = settled_counters(database)
    ask(cluster.url, "CREATE TEMPORARY TABLE t AS SELECT generate_series(1, 100)")
    assert database.counters()["rows_inserted"] == before["rows_inserted"]
    assert database.counters()["sessions"] == before["sessions"]
