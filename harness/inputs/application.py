"""An application that is not ours, and the requests whose receipt is wanted: checked, not tried."""

import http
import ipaddress
import json
import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from harness.base.errors import UsageError, plain
from harness.base.secrecy import (
    looks_secret,
    secrets_of_environment,
    secrets_of_target,
    shown_target,
)

OLDEST_PYTHON = (3, 10)
"""Of an application's interpreter: the instrument inside it is written for that."""
_APP = re.compile(
    r"(?P<module>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):(?P<attribute>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)"
    r"(?P<call>\(\))?"
)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110, section 5.6.2: of a method and of a header's name."""
_VARIABLE = re.compile(r"[A-Za-z_]\w*")
_OURS = ("connection", "content-length", "expect", "te", "trailer", "transfer-encoding", "upgrade")
"""Header fields that frame a message; a client sets them by itself."""
_HARMLESS = frozenset({
    "accept", "accept-encoding", "accept-language", "cache-control", "content-type", "host",
    "origin", "referer", "user-agent", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto",
    "x-requested-with",
})  # fmt: skip
"""Header fields whose values are no secrets; all others' are taken for such."""
_SAFE = "/?&=%:@!$'()*+,;~-._[]"
"""Characters of a path and a query that stay as they are typed."""
_AGENT = "bridgetoll"
FORM_TYPE, JSON_TYPE = "application/x-www-form-urlencoded", "application/json"
_HTTP_PORT, _LAST_PORT = 80, 65_535


class WantedRequest(msgspec.Struct, frozen=True):
    """A request that is sent again and again.

    target: path and query. headers: besides those that a client sets by itself; cookies are one.
    form: fields in order. data: a body in place of a form.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    form: tuple[tuple[str, str], ...] = ()
    data: str | None = None

    @property
    def name(self) -> str:
        """For a reader, and unique among those of a receipt; the same as `SentRequest.name`."""
        return f"{self.method} {shown_target(self.target)}"

    @property
    def header_names(self) -> tuple[str, ...]:
        """Of the headers that were asked for."""
        return tuple(name for name, _ in self.headers)

    @property
    def form_names(self) -> tuple[str, ...]:
        """Of the form's fields."""
        return tuple(name for name, _ in self.form)

    @property
    def body(self) -> bytes:
        """As it is sent; empty without one."""
        if self.data is not None:
            return self.data.encode()
        return urlencode(self.form).encode()

    def encoded(self, host: str, port: int) -> bytes:
        """The whole request of HTTP/1.1, for a server at this address."""
        fields = {"Host": f"{host}:{port}", "User-Agent": _AGENT, "Accept": "*/*"}
        body = self.body
        if self.data is not None:
            fields["Content-Type"] = JSON_TYPE
        elif self.form:
            fields["Content-Type"] = FORM_TYPE
        if body or self.method not in ("GET", "HEAD", "OPTIONS"):
            fields["Content-Length"] = str(len(body))
        given = {name.lower() for name, _ in self.headers}
        usual = [(name, value) for name, value in fields.items() if name.lower() not in given]
        lines = [f"{self.method} {self.target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in (*usual, *self.headers)]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no output may show of it."""
        found = [v for name, v in self.headers if name.lower() not in _HARMLESS]
        found += [word for value in found for word in re.split(r"[\s;]+", value)]
        found += [word.partition("=")[2] for word in list(found)]
        found += [value for name, value in self.form if looks_secret(name)]
        return tuple(v for v in (*found, *secrets_of_target(self.target)) if v)


class Deployment(msgspec.Struct, frozen=True):
    """How an application is served.

    app: `module:attribute`, or `module:function()` for a function that makes it.
    cwd: the folder in which its server starts. python: an interpreter; see `find_python`.
    env: variables beside those of this process. server: its name; that of the protocol if None.
    """

    app: str
    cwd: Path
    python: Path | None = None
    env: dict[str, str] = {}
    server: str | None = None


class Wanted(msgspec.Struct, frozen=True):
    """The receipt that is asked for.

    requests: each once. deployment: what is served; None where `url` is running already.
    against: what it is compared with. expect: statuses that are as good as a 2xx.
    connections: of the load.
    """

    requests: tuple[WantedRequest, ...]
    deployment: Deployment | None = None
    url: str | None = None
    against: Deployment | None = None
    expect: tuple[int, ...] = ()
    connections: int = 32

    def accepts(self, status: int) -> bool:
        """Whether that status is an answer to measure."""
        return http.HTTPStatus.OK <= status < http.HTTPStatus.MULTIPLE_CHOICES or (
            status in self.expect
        )

    def secrets(self, env: Iterable[tuple[str, str]]) -> tuple[str, ...]:
        """What no output may show; `env` is this process's, which the application inherits."""
        found = [secret for request in self.requests for secret in request.secrets]
        found += secrets_of_environment(dict(env))
        for deployment in (self.deployment, self.against):
            if deployment is not None:
                found += secrets_of_environment(deployment.env)
        return tuple(dict.fromkeys(found))


def check_app(text: str, option: str = "--app") -> str:
    """The path of an application, as it is imported.

    Raises:
        UsageError: it is no `module:attribute`.
    """
    if _APP.fullmatch(text):
        return text
    shown = plain(text, 80)
    guess = re.sub(r"\.py\b", "", text.removeprefix("./")).strip("/").replace("/", ".")
    if ":" not in guess:
        guess = f"{guess}:application"
    remedy = f"write `{guess}`" if _APP.fullmatch(guess) else "write e.g. `mysite.asgi:application`"
    raise UsageError(f"{option} is `{shown}`, which is no `module:attribute`; {remedy}.")


def module_of(app: str) -> str:
    """The module that is imported for an application."""
    return app.partition(":")[0]


def check_target(text: str, option: str) -> str:
    """Path and query as they are sent; other characters than ASCII are percent-encoded.

    Raises:
        UsageError: it is no path.
    """
    target = text.partition("#")[0]
    if re.match(r"https?://", target):
        raise UsageError(
            f"{option} is `{plain(shown_target(target), 80)}`, and a path is wanted; write "
            f"`{option} {plain(shown_target(_path_of(target)), 80)}`, and name a running server "
            "with --url."
        )
    if not target.startswith("/"):
        shown = plain(shown_target(target), 80)
        raise UsageError(f"{option} is `{shown}`, which begins with no `/`; write `/{shown}`.")
    if not target.isprintable():
        raise UsageError(f"{option} has a character that does not print; percent-encode it.")
    return quote(target, safe=_SAFE)


def _path_of(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def check_method(text: str, option: str) -> str:
    """A method of HTTP, in capital letters.

    Raises:
        UsageError: it is none.
    """
    if not _TOKEN.fullmatch(text) or not text.isalpha():
        raise UsageError(f"{option} has the method `{plain(text)}`; write e.g. 'PUT /path/'.")
    if text.upper() in ("CONNECT", "TRACE"):
        raise UsageError(f"{option}: {text.upper()} is answered by no application; leave it out.")
    return text.upper()


def check_header(text: str) -> tuple[str, str]:
    """Name and value.

    Raises:
        UsageError: it is none; its value is not told.
    """
    name, colon, value = text.partition(":")
    name, value = name.strip(), value.strip()
    if not colon or not _TOKEN.fullmatch(name):
        raise UsageError("A --header has no name before a colon; write 'Name: value'.")
    if name.lower() in _OURS:
        raise UsageError(f"--header {name} frames the request, which we do; leave it out.")
    if not value.isprintable() or not _is_latin(value):
        raise UsageError(f"--header {name} has a character that no header can hold; encode it.")
    return name, value


def _is_latin(text: str) -> bool:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


def check_pair(text: str, option: str) -> tuple[str, str]:
    """Name and value of `name=value`.

    Raises:
        UsageError: it is none; its value is not told.
    """
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise UsageError(f"A {option} has no name before a `=`; write `{option} name=value`.")
    return name.strip(), value


def check_variable(text: str, option: str) -> tuple[str, str]:
    """Name and value of an environment variable.

    Raises:
        UsageError: it is none; its value is not told.
    """
    name, value = check_pair(text, option)
    if not _VARIABLE.fullmatch(name):
        raise UsageError(
            f"{option}: `{plain(name)}` is no name of a variable; use letters, digits and `_`."
        )
    if "\0" in value:
        raise UsageError(f"{option} {name} has a NUL in its value; remove it.")
    return name, value


def cookie_header(cookies: Iterable[tuple[str, str]]) -> tuple[str, str] | None:
    """The header of cookies; None without any.

    Raises:
        UsageError: one cannot be sent; its value is not told.
    """
    parts = []
    for name, value in cookies:
        if not _TOKEN.fullmatch(name) or not re.fullmatch(r"[\x21-\x2b\x2d-\x3a\x3c-\x7e]*", value):
            raise UsageError(
                f"--cookie {plain(name)} has a character that no cookie can hold; encode it."
            )
        parts.append(f"{name}={value}")
    return ("Cookie", "; ".join(parts)) if parts else None


def check_data(text: str) -> str:
    """A body of JSON.

    Raises:
        UsageError: it is no JSON; it is not told.
    """
    try:
        json.loads(text)
    except ValueError as error:
        where = (
            f": {error.msg} at column {error.colno}"
            if isinstance(error, json.JSONDecodeError)
            else ""
        )
        raise UsageError(f"A --data is no JSON{where}; correct it.") from None
    return text


def check_url(text: str) -> str:
    """The base URL of a running application on this machine.

    Raises:
        UsageError: it is on another machine, or no such URL.
    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise UsageError("--url is no URL; write e.g. http://127.0.0.1:8000.") from None
    if parts.scheme == "https":
        raise UsageError(
            "--url speaks TLS, and a receipt is made of plain HTTP; name the server behind it, "
            "e.g. http://127.0.0.1:8000."
        )
    if parts.scheme != "http" or not host:
        raise UsageError("--url is no URL; write e.g. http://127.0.0.1:8000.")
    if not _is_loopback(host):
        raise UsageError(
            f"--url is on `{plain(host)}`, and only this machine is measured; name a server on "
            "127.0.0.1."
        )
    if parts.username or parts.password:
        raise UsageError("--url has a user or a password; log in with --header instead.")
    if parts.path.strip("/") or parts.query:
        raise UsageError("--url has a path; write it to --get, and leave host and port in --url.")
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port or _HTTP_PORT}"


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_expect(status: int) -> int:
    """A status that counts as an answer.

    Raises:
        UsageError: it is none of an answer.
    """
    if not http.HTTPStatus.OK <= status < 600:
        raise UsageError(f"--expect is {status}; name a status from 200 to 599.")
    return status


def check_wanted(wanted: Wanted) -> None:
    """Refuse what cannot go together.

    Raises:
        UsageError: naming the options.
    """
    if wanted.deployment is None and wanted.url is None:
        raise UsageError(
            "Name what answers: `--app mysite.asgi:application` is served for it, and `--url "
            "http://127.0.0.1:8000` runs already."
        )
    if wanted.deployment is not None and wanted.url is not None:
        raise UsageError("--app is served and --url runs already; leave one out.")
    if wanted.url is not None and wanted.against is not None:
        raise UsageError(
            "--url is measured from outside, so nothing is compared; name --app in its place."
        )
    if not wanted.requests:
        raise UsageError("Name a path, e.g. `--get /`; several make one receipt.")
    names: set[str] = set()
    for request in wanted.requests:
        if request.name in names:
            raise UsageError(
                f"`{plain(request.name, 80)}` is asked for twice; name each method and path once."
            )
        names.add(request.name)
    _check_folders(wanted)


def _check_folders(wanted: Wanted) -> None:
    pairs = ((wanted.deployment, "--"), (wanted.against, "--against-"))
    for deployment, prefix in pairs:
        if deployment is None:
            continue
        if not deployment.cwd.is_dir():
            raise UsageError(
                f"{prefix}cwd is `{plain(deployment.cwd, 4096)}`, which is no folder; name the "
                "one in which your server starts."
            )
        python = deployment.python
        if python is not None and not python.is_file():
            raise UsageError(
                f"{prefix}python is `{plain(python, 4096)}`, which is no file; name an "
                "interpreter, e.g. .venv/bin/python."
            )
