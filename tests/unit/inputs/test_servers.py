"""Servers with their knobs and requirements, as `shared/servers.toml` has them."""

from pathlib import Path

import pytest

from harness.base.errors import UsageError
from harness.base.workspace import Workspace
from harness.inputs.servers import Protocol, check_knobs, load_servers, missing

SERVERS, BROKEN = load_servers(Workspace().shared / "servers.toml")
HEAD = 'protocol = "asgi"\nkeep_alive = true\n'
ARGV = 'argv = ["{python}", "{host}:{port}", "{knobs}", "{app}"]\n'
KNOB = '[x.knobs.loop]\ndefault = "uvloop"\nvalues.uvloop = { argv = ["--loop", "uvloop"] }\n'


def problem(folder: Path, text: str) -> str:
    path = folder / "servers.toml"
    path.write_text(f"[x]\n{HEAD}{text}")
    _, broken = load_servers(path)
    (error,) = broken.values()
    told = str(error)
    assert told.startswith(f"{path}: ")
    assert "\n" not in told
    return told


def test_every_server_says_what_it_needs_and_what_makes_it_fair() -> None:
    assert BROKEN == {}
    for name, server in SERVERS.items():
        assert server.requires, name
        assert server.fair.endswith("."), name
        for knob in server.knobs.values():
            assert len(knob.values) > 1


def test_no_server_believes_a_proxy_or_writes_an_access_log_unless_a_knob_says_so() -> None:
    for server in SERVERS.values():
        usual = server.setting({})
        assert usual.get("proxy_headers", "off") == "off"
        assert usual.get("access_log", "off") == "off"


def test_a_fitted_server_has_the_words_of_its_knobs_in_their_place() -> None:
    server = SERVERS["uvicorn"]
    usual, other = server.fitted({}), server.fitted({"loop": "asyncio", "http": "h11"})
    assert "{knobs}" not in usual.argv
    assert usual.argv[-1] == "{app}"
    at = usual.argv.index("--loop")
    assert usual.argv[at + 1] == "uvloop"
    assert other.argv[at + 1] == "asyncio"
    assert any(text.startswith("uvloop") for text in usual.requires)
    assert not any(text.startswith(("uvloop", "httptools")) for text in other.requires)


def test_a_knob_may_decide_whether_connections_are_kept() -> None:
    server = SERVERS["gunicorn-gthread"]
    assert server.fitted({}).keep_alive
    assert not server.fitted({"keep_alive": "off"}).keep_alive


def test_a_server_without_knobs_is_as_it_stands() -> None:
    server = SERVERS["gunicorn-aiohttp"]
    assert server.protocol is Protocol.OWN
    assert server.fitted({}).argv == server.argv


def test_a_requirement_is_missing_where_the_lock_lacks_it_or_has_another_release() -> None:
    wants = ("granian~=2.8", "uvloop>=0.21")
    assert missing(wants, {}) == wants
    assert missing(wants, {"granian": "2.9.1", "uvloop": "0.20"}) == ("uvloop>=0.21",)
    assert missing(wants, {"granian": "2.8.7", "uvloop": "0.23"}) == ()


@pytest.mark.parametrize(
    ("server", "knobs", "told"),
    [
        ("uvicorn", {"lopp": "uvloop"}, "no knob `lopp`; the nearest is `loop`, and it has: "),
        ("uvicorn", {"loop": "uvlop"}, "no value 'uvlop'; the nearest is `uvloop`, and it has: "),
        ("gunicorn-sync", {"loop": "uvloop"}, "`gunicorn-sync` has no knobs; remove `loop`"),
    ],
)
def test_a_knob_that_there_is_not_is_refused(server: str, knobs: dict[str, str], told: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_knobs(server, SERVERS[server], knobs, "a.toml: `setups.b.knobs`")
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (ARGV, "`x.argv`: the server has no knobs; remove {knobs}"),
        (ARGV.replace('"{knobs}", ', "") + KNOB, "`x.argv`: the server has knobs; add {knobs}"),
        (ARGV + KNOB.replace('default = "uvloop"', 'default = "none"'),
         "`x.knobs.loop.default` is 'none', and its values are: uvloop"),
        (ARGV + KNOB.replace('["--loop", "uvloop"]', '["--bind", "127.0.0.1"]'),
         "has the address 127.0.0.1; write {host}"),
        (ARGV + KNOB.replace('"uvloop"]', '"{threads}"]'), "`x.knobs`: a word has {threads}"),
        (ARGV + KNOB.replace("knobs.loop", "knobs.Loop"), "a knob has small letters"),
        (ARGV.replace('"{knobs}", ', "") + 'requires = ["no such thing"]',
         "`x.requires`: 'no such thing' is no requirement"),
        (ARGV + KNOB.replace("argv =", "args ="), "unknown key"),
    ],
)  # fmt: skip
def test_a_bad_entry_is_one_sentence(tmp_path: Path, text: str, told: str) -> None:
    assert told in problem(tmp_path, text)
