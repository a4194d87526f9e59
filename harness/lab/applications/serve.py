"""Starts a server's program with further folders at the end of the path.

Run as `python serve.py OPTIONS MODULE ARGUMENT...`, or with `-c CODE` in place of MODULE. OPTIONS
are JSON:

- paths: folders that are searched last, so that they shadow nothing of the application's.
- tell: whether errors that Django answers with a 500 are printed, as its default logging does not
  where DEBUG is off.
- optional: words of gunicorn's command line, each option with its value, that are left out where
  its release does not know the option.

It is a program of its own, and needs only the standard library.
"""

import json
import logging
import runpy
import sys
from pathlib import Path

_OF_REQUESTS = ("django.request", "django.security")


def _tell_errors() -> None:
    """Print what Django logs as an error of a request: the traceback of a view, a wrong host.

    A handler on one of its loggers would be removed when Django configures them.
    """
    handler, handle = logging.StreamHandler(), logging.Logger.handle

    def told(logger: logging.Logger, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR and logger.name.startswith(_OF_REQUESTS):
            handler.emit(record)
        handle(logger, record)

    logging.Logger.handle = told  # type: ignore[assignment, method-assign]


def _fitted(arguments: list[str], optional: list[list[str]]) -> list[str]:
    """The command line without options that this release of gunicorn does not know."""
    from gunicorn.config import KNOWN_SETTINGS  # type: ignore[import-untyped]

    known = {flag for setting in KNOWN_SETTINGS for flag in setting.cli or ()}
    for words in optional:
        if words[0] in known:
            continue
        for at in range(len(arguments) - len(words), -1, -1):
            if arguments[at : at + len(words)] == words:
                del arguments[at : at + len(words)]
    return arguments


def main() -> None:
    """Extend the path, then be the server."""
    options, program, *arguments = sys.argv[1:]
    chosen = json.loads(options)
    sys.path[0] = str(Path.cwd())  # as `python -m` has it
    sys.path += [place for place in chosen["paths"] if place not in sys.path]
    if chosen["tell"]:
        _tell_errors()
    if program == "-c":
        code, *arguments = arguments
        sys.argv = ["-c", *arguments]
        exec(compile(code, "<string>", "exec"), sys.modules["__main__"].__dict__)
        return
    if program == "gunicorn":
        arguments = _fitted(arguments, chosen["optional"])
    sys.argv = [program, *arguments]
    runpy.run_module(program, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
