"""Checks of how a server treats a connection, on which all measuring depends."""

from harness.audit.subject import Subject, demand

_REQUESTS = 3
_HTTP_1_1 = 11
"""As `http.client` writes it."""


def connection_kept(subject: Subject) -> None:
    """Responses are HTTP/1.1 and leave the connection open, unless `keep_alive` is false."""
    seen = subject.probe.persistence(subject.contract.operations["health"].target, _REQUESTS)
    version = f"HTTP/{seen.version // 10}.{seen.version % 10}"
    demand(seen.version == _HTTP_1_1, "HTTP/1.1", version, cause=f"the server speaks {version}")
    closes = "a connection that the server closes after a response"
    stays = f"one that stays open for {_REQUESTS} requests"
    if subject.keep_alive:
        expected = "a connection that stays open, as `keep_alive = true` of its server says"
        demand(seen.answered == _REQUESTS, expected, closes, cause="it closes connections")
    else:
        expected = f"{closes}, as `keep_alive = false` of its server says"
        demand(seen.answered == 1, expected, stays)
