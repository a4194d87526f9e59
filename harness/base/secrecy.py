"""What must not be shown: values of names that look secret, and passwords within URLs."""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

HIDDEN = "..."
"""Stands where a secret stood."""
_WORDS = frozenset({
    "apikey", "auth", "authorization", "bearer", "cookie", "credential", "credentials",
    "csrf", "dsn", "jwt", "key", "nonce", "otp", "pass", "pin", "pwd", "sid", "sig", "signature",
})  # fmt: skip
"""Parts of a name, each of which makes it look secret."""
_WITHIN = ("apikey", "csrf", "passphrase", "passwd", "password", "secret", "session", "token")
"""The same where no separator stands around them, as in `csrfmiddlewaretoken`."""
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_NO_NAME = re.compile(r"(?:Error|Exception|Warning)$")
"""`KeyError: 'SECRET_KEY'` names a variable and no value."""
_USER_OF_URL = re.compile(r"(?<=://)[^\s'\"`<>]*@")
_ASSIGNED = re.compile(
    r"(?P<name>[A-Za-z_][\w.-]*)(?P<is>['\"]?\s*(?:=|:)\s*)"
    r"(?P<value>'[^'\n]*'|\"[^\"\n]*\"|(?:(?:Bearer|Basic|Token)\s+)?[^\s'\"`,;&)}\]]+)"
)
_SOURCE, _CALL = "    ", re.compile(r"[A-Za-z_][\w.]*[\[(]")
"""A line of source in a traceback; what it assigns where that is no value: a look-up, a call."""
_SHORTEST = 4
"""Characters of a value that is looked for as such; shorter ones stand in many words."""


def looks_secret(name: str) -> bool:
    """Whether a value of that name had better not be shown: of a variable, a field, a parameter."""
    parts = {part.lower() for part in _PARTS.findall(name)}
    small = name.lower()
    return bool(parts & _WORDS) or any(word in small for word in _WITHIN)


def without_secrets(text: str, values: Iterable[str] = ()) -> str:
    """`text` without passwords of URLs, without values of secret-looking names, and without these.

    Args:
        text: of a log, or a message.
        values: secrets that are known.
    """
    spelled = {way for value in values if len(value) >= _SHORTEST for way in _spellings(value)}
    if spelled:
        ways = "|".join(map(re.escape, sorted(spelled, key=len, reverse=True)))
        text = re.sub(rf"(?<!\w)(?:{ways})(?!\w)", HIDDEN, text)
    return _ASSIGNED.sub(_hide, _USER_OF_URL.sub(f"{HIDDEN}@", text))


def shown_target(target: str) -> str:
    """A request's path and query, with values of secret-looking parameters left out."""
    path, mark, query = target.partition("?")
    if not mark:
        return path
    parts = []
    for part in query.split("&"):
        name, equals, value = part.partition("=")
        hide = equals and value and _is_secret_parameter(unquote(name))
        parts.append(f"{name}={HIDDEN}" if hide else part)
    return f"{path}?{'&'.join(parts)}"


def secrets_of_target(target: str) -> list[str]:
    """Values of secret-looking parameters of a path with a query."""
    query = target.partition("?")[2]
    return [v for n, v in parse_qsl(query) if _is_secret_parameter(n)]


def _is_secret_parameter(name: str) -> bool:
    """`code` is OAuth's; in a log that word stands before exit statuses."""
    return name == "code" or looks_secret(name)


def shown_settings(
    env: Mapping[str, str], beside: Mapping[str, str] = MappingProxyType({})
) -> tuple[str, ...]:
    """Variables as `NAME=value`, without any value that might be a secret.

    Args:
        beside: variables to compare with; those that are the same there are left out.
    """
    told = []
    for name, value in env.items():
        if beside.get(name) == value:
            continue
        plain = (name == _MODULE and _DOTTED.fullmatch(value)) or _SWITCH.fullmatch(value)
        shown = value if plain and not looks_secret(name) else HIDDEN
        told.append(f"{name}={'another' if name in beside and shown == HIDDEN else shown}")
    return tuple(told)


_SWITCH = re.compile(r"\d{0,4}|true|false|yes|no|on|off|none", re.IGNORECASE)
"""A value that is no secret, whatever the name; a PIN has a name that looks like one."""
_MODULE, _DOTTED = "DJANGO_SETTINGS_MODULE", re.compile(r"\w+(?:\.\w+)*")


def secrets_of_environment(env: Mapping[str, str]) -> list[str]:
    """Values of secret-looking variables, and passwords in URLs of any."""
    found = [value for name, value in env.items() if value and looks_secret(name)]
    for value in env.values():
        if "://" in value and "@" in value:
            found += _passwords(value)
    return found


def _passwords(url: str) -> list[str]:
    try:
        password = urlsplit(url).password
    except ValueError:
        return []
    return [password, unquote(password)] if password else []


def _spellings(value: str) -> set[str]:
    """A value as it may stand in a URL, a form or a literal of Python."""
    return {value, quote(value), quote(value, safe=""), quote_plus(value), repr(value)[1:-1]}


def _hide(found: re.Match[str]) -> str:
    name, value = found["name"], found["value"]
    if _NO_NAME.search(name) or not looks_secret(name):
        return found[0]
    line = found.string[found.string.rfind("\n", 0, found.start()) + 1 : found.end()]
    if line.startswith(_SOURCE) and _CALL.match(value):
        return found[0]
    mark = value[0] if value[0] in "'\"" else ""
    return f"{name}{found['is']}{mark}{HIDDEN}{mark}"
