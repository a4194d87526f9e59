"""What every answer gets beside what the view has made."""

from django.http import HttpResponse


def complete(response: HttpResponse) -> HttpResponse:
    """Add a Content-Length, as CommonMiddleware does."""
    response.headers.setdefault("Content-Length", str(len(response.content)))
    return response
