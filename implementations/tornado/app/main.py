"""Tornado's server, in as many processes as it is told: `python -m app.main --help`."""

import asyncio
import signal

import uvloop
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.options import define, options, parse_command_line
from tornado.process import fork_processes

from app.handlers import App
from app.posts import open_posts

define("host", default="127.0.0.1", help="address to listen on")
define("port", default=8000, help="port to listen on")
define("workers", default=1, help="processes that share the port")
define("backlog", default=16_384, help="connections that may wait to be accepted")


async def serve(sockets: list) -> None:
    """Open the pool, and only then listen; until the process is asked to end."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with open_posts() as posts:
        server = HTTPServer(App(posts))
        server.add_sockets(sockets)
        await stop.wait()
        server.stop()


def main() -> None:
    parse_command_line()
    sockets = bind_sockets(options.port, address=options.host, backlog=options.backlog)
    if options.workers > 1:
        fork_processes(options.workers)
    uvloop.run(serve(sockets))


if __name__ == "__main__":
    main()
