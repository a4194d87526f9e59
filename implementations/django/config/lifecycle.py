"""Django's request life cycle without its two hops to a thread.

Stock Django hops twice in every ASGI request, whatever the view does: for the sync receivers of
`request_started`, and for `response.close()`, which sends `request_finished`. With a thread per
request the first of them also starts that thread, and the end of the request a second one, to join
it. `ZeroHopASGIHandler` makes the same two calls on the event loop.

What is sent: both signals, once per request, from this class, with the same arguments. What differs
is where their receivers run:

* Sync receivers are called on the event loop's thread. Django's own four take microseconds there:
  `reset_queries`, `close_old_connections` (twice) and `reset_urlconf`. A receiver that waits for
  something would hold up every other request.
* `close_old_connections` sees the connections of the thread that calls it, and the event loop's
  thread has none. **So nothing returns a connection that a view has opened in a thread, or on the
  event loop: the view must do that itself** (config/connections.py).
* Async receivers cannot be served: `Signal.send` would pass them to `async_to_sync`, which refuses
  to work on a running event loop, loudly, in every request. None is connected here.
"""

import asyncio
from contextlib import closing

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import get_script_prefix
from django.http import HttpRequest, HttpResponse
from django.urls import set_script_prefix

from config.handlers import ASGIHandler
from config.lifespan import Receive, Scope, Send
from config.threads import request_thread


class ZeroHopASGIHandler(ASGIHandler):
    """`django.core.handlers.asgi.ASGIHandler`, with `handle` rewritten to stay on the event loop.

    All else is inherited. A request has its `ThreadSensitiveContext`, which costs nothing as long
    as nobody hops. A body of more than `FILE_UPLOAD_MAX_MEMORY_SIZE` goes to disk by hops. An
    error becomes a response through `response_for_exception`, and a 4xx or 5xx is logged, each by a
    hop to the event loop's default executor: such a request is not the one to save a hop in.
    """

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body_file = await self.read_body(receive)
        except RequestAborted:
            return  # the client left before anything began
        with closing(body_file):
            set_script_prefix(get_script_prefix(scope))
            signals.request_started.send(sender=self.__class__, scope=scope)
            request, error_response = self.create_request(scope, body_file)
            if request is None:
                try:
                    await self.send_response(error_response, send)
                finally:
                    error_response.close()
            else:
                await self.serve(request, receive, send)

    async def serve(self, request: HttpRequest, receive: Receive, send: Send) -> None:
        """Answer, and finish the request however that ends.

        Stock Django skips the end when sending fails, or when the server cancels the request. Here
        it stands in a `finally` that awaits nothing, so neither can get between. The rest is as
        stock Django has it, the class made per request included: only the hops are to differ.
        """

        class RequestProcessed(Exception):
            pass

        response = None
        try:
            try:
                async with asyncio.TaskGroup() as tasks:
                    # A client that disconnects cancels the view.
                    tasks.create_task(self.listen_for_disconnect(receive))
                    response = await self.run_get_response(request)
                    await self.send_response(response, send)
                    raise RequestProcessed
            except* (RequestProcessed, RequestAborted):
                pass
        except BaseExceptionGroup as group:
            if len(group.exceptions) == 1:
                raise group.exceptions[0]  # noqa: B904
            raise
        finally:
            if response is None:
                signals.request_finished.send(sender=self.__class__)
            else:
                response.close()  # which sends request_finished


class HoppingASGIHandler(ZeroHopASGIHandler):
    """The same, with EXTRA_HOPS hops to a thread and back that do nothing: the price of a hop."""

    async def run_get_response(self, request: HttpRequest) -> HttpResponse:
        async with request_thread():
            for _ in range(settings.EXTRA_HOPS):
                await _hop()
        return await super().run_get_response(request)


@sync_to_async
def _hop() -> None:
    """Do nothing, in a thread."""
