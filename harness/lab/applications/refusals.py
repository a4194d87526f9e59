"""Why an answer is not one to measure, and what mends it: in one sentence for each request."""

import http
import re
from urllib.parse import urlsplit

from harness.base.errors import plain
from harness.base.secrecy import shown_target
from harness.inputs.application import Wanted, WantedRequest
from harness.lab.applications.answers import ApplicationAnswer
from harness.lab.applications.failures import cause_in

_CSRF = re.compile(r"CSRF", re.IGNORECASE)
_HOST = re.compile(r"DisallowedHost|Invalid HTTP_HOST|Invalid host header|ALLOWED_HOSTS")
_SHOWN = 100


def refusal(
    wanted: Wanted, request: WantedRequest, answer: ApplicationAnswer, log: str
) -> str | None:
    """The sentence; None where the answer is one to measure.

    Args:
        log: what the server has said since the request was sent.
    """
    status = answer.status
    if wanted.accepts(status):
        return None
    return f"`{plain(request.name, _SHOWN)}` answers {status}{_reason(request, answer, log)}."


def _reason(request: WantedRequest, answer: ApplicationAnswer, log: str) -> str:
    """The rest of the sentence: what is behind the status, and what mends it."""
    status = answer.status
    told = f"{answer.beginning}\n{log}"
    if 300 <= status < 400:
        return _redirect(request, answer)
    if status >= 500:
        cause = cause_in(told)
        bare = not request.body and request.method not in ("GET", "HEAD", "OPTIONS")
        remedy = "; give it a body with --form or --data, or mend that first"
        return f", because {cause}" if cause else remedy if bare else "; mend that first"
    if status == http.HTTPStatus.UNAUTHORIZED:
        return "; log in with `--header 'Authorization: ...'` or `--cookie sessionid=...`"
    if status == http.HTTPStatus.FORBIDDEN and _CSRF.search(told):
        return (
            " for lack of a CSRF token; add `--cookie csrftoken=... --header 'X-CSRFToken: ...'`, "
            "with the same 32 letters in both"
        )
    if status == http.HTTPStatus.FORBIDDEN:
        return "; log in with `--cookie sessionid=...` or `--header 'Authorization: ...'`"
    if status == http.HTTPStatus.BAD_REQUEST and _HOST.search(told):
        return "; name a host that it serves with `--header 'Host: ...'`"
    if status == http.HTTPStatus.NOT_FOUND:
        return "; correct the path"
    if status == http.HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = answer.headers.get("allow", "")
        return f"; it allows {plain(allowed)}" if allowed else "; ask with another method"
    if status == http.HTTPStatus.TOO_MANY_REQUESTS:
        return "; lift its limit of requests with `--env` or other settings"
    if status in (400, 415, 422) and not request.body and request.method != "GET":
        return "; give it a body with --form or --data"
    return "; correct the request, or accept that with `--expect " + f"{status}`"


def _redirect(request: WantedRequest, answer: ApplicationAnswer) -> str:
    accept = f"`--expect {answer.status}` accepts that"
    location = answer.headers.get("location", "")
    parts = urlsplit(location)
    path = parts.path or "/"
    shown = plain(shown_target(path), _SHOWN)
    own = request.target.partition("?")[0]
    if not location:
        return f"; {accept}"
    if parts.scheme == "https" and path == own:
        return (
            " and leads to HTTPS; add `--header 'X-Forwarded-Proto: https'` if the project trusts "
            f"that, or name other settings; {accept}"
        )
    if path in (f"{own}/", own.rstrip("/")) and path != own:
        return f" and leads to `{shown}`; ask for that; {accept}"
    if re.search(r"log-?in|sign-?in|auth", path, re.IGNORECASE):
        return (
            f" and leads to `{shown}`; log in with `--cookie sessionid=...` or `--header "
            f"'Authorization: ...'`; {accept}"
        )
    if request.method != "GET":
        return f" and leads to `{shown}`, as many forms do; {accept}"
    return f" and leads to `{shown}`; ask for that; {accept}"
