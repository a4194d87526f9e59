"""What every answer gets beside what the operation has made."""

from django.http import HttpResponse, HttpResponseNotAllowed


def complete(response: HttpResponse) -> HttpResponse:
    """Make JSON of ninja's 405, and add a Content-Length, as CommonMiddleware does."""
    if isinstance(response, HttpResponseNotAllowed):
        response.content = b'{"error":"this method is not allowed here"}'
        response.headers["Content-Type"] = "application/json"
    response.headers.setdefault("Content-Length", str(len(response.content)))
    return response
