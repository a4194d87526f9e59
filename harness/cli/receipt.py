"""The command `receipt`: what the requests of any application take, cause and cost."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text
from typer.core import TyperCommand

from harness.base.errors import UsageError
from harness.cli import completion
from harness.cli.console import Json, Wait, err, measuring_alone, note, out, print_json

if TYPE_CHECKING:
    from harness.analysis.receipt.receipt import Receipt
    from harness.inputs.application import Deployment, Wanted, WantedRequest

EXAMPLE = "bridgetoll receipt --app mysite.asgi:application --get /"
_TYPED = "bridgetoll.receipt.typed"
"""Under this key the context has the options for requests, in the order of the command line."""
_REQUESTS = ("get", "post", "request")
_BODIES = ("form", "data")
_GET_ALONE = ("GET", "HEAD", "OPTIONS")


class InOrder(TyperCommand):
    """A command whose options for requests keep their order: a form belongs to the post before."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse, and note what was typed in which order."""
        values, _, order = self.make_parser(ctx).parse_args(args=list(args))
        left = {name: list(values.get(name) or ()) for name in (*_REQUESTS, *_BODIES)}
        names = [param.name or "" for param in order]
        ctx.meta[_TYPED] = [(name, left[name].pop(0)) for name in names if left.get(name)]
        return super().parse_args(ctx, args)


COMMAND_CLASS = InOrder


def _option(name: str, metavar: str, help_: str) -> Any:
    return typer.Option(f"--{name}", metavar=metavar, help=help_)


def command(
    context: typer.Context,
    app: Annotated[
        str | None, _option("app", "MODULE:NAME", "Application to serve, of ASGI or WSGI.")
    ] = None,
    get: Annotated[
        list[str] | None, _option("get", "PATH", "Path to GET; repeat it for several.")
    ] = None,
    post: Annotated[
        list[str] | None, _option("post", "PATH", "Path to POST to, thousands of times.")
    ] = None,
    request: Annotated[
        list[str] | None, _option("request", "'PUT /PATH'", "Request of another method.")
    ] = None,
    form: Annotated[
        list[str] | None, _option("form", "NAME=VALUE", "Field of the post before it.")
    ] = None,
    data: Annotated[
        list[str] | None, _option("data", "JSON", "Body of the post before it.")
    ] = None,
    header: Annotated[
        list[str] | None, _option("header", "'NAME: VALUE'", "Header of every request.")
    ] = None,
    cookie: Annotated[
        list[str] | None, _option("cookie", "NAME=VALUE", "Cookie of every request.")
    ] = None,
    expect: Annotated[
        list[int] | None, _option("expect", "STATUS", "Accept this status, such as 302.")
    ] = None,
    cwd: Annotated[
        Path | None, _option("cwd", "DIR", "Folder of the project; this one if not given.")
    ] = None,
    python: Annotated[
        Path | None, _option("python", "FILE", "Its interpreter; that of .venv if not given.")
    ] = None,
    env: Annotated[
        list[str] | None, _option("env", "NAME=VALUE", "Set this variable for the application.")
    ] = None,
    server: Annotated[
        str | None,
        typer.Option(
            "--server",
            metavar="NAME",
            help="Server that runs it.",
            autocompletion=completion.application_servers,
        ),
    ] = None,
    against: Annotated[
        str | None, _option("against", "MODULE:NAME", "Compare with this application.")
    ] = None,
    against_env: Annotated[
        list[str] | None, _option("against-env", "NAME=VALUE", "Compare with this variable set.")
    ] = None,
    against_server: Annotated[
        str | None,
        typer.Option(
            "--against-server",
            metavar="NAME",
            help="Compare with this server.",
            autocompletion=completion.application_servers,
        ),
    ] = None,
    against_python: Annotated[
        Path | None, _option("against-python", "FILE", "Compare with this interpreter.")
    ] = None,
    against_cwd: Annotated[
        Path | None, _option("against-cwd", "DIR", "Compare with the project in this folder.")
    ] = None,
    url: Annotated[
        str | None, _option("url", "URL", "Watch a running server on this machine instead.")
    ] = None,
    connections: Annotated[
        int, typer.Option(metavar="N", min=1, max=1_000, help="Connections of the load.")
    ] = 32,
    count_only: Annotated[
        bool, typer.Option("--count-only", help="Count, and measure no CPU time under load.")
    ] = False,
    html: Annotated[
        Path | None, _option("html", "FILE", "Write it as one offline page, with a picture.")
    ] = None,
    markdown: Annotated[
        Path | None, _option("markdown", "FILE", "Write it as Markdown, for a pull request.")
    ] = None,
    wait: Wait = False,
    as_json: Json = False,
) -> None:
    """Show what a request of your application takes, and why.

    It serves the application with its own interpreter and packages, asks each path, counts hops
    between threads and what causes them, and measures their cost. It installs nothing there and
    changes no file.
    """
    from harness.base.workspace import Workspace, cache_folder
    from harness.cli.progress import ProgressListener
    from harness.inputs.application import Deployment, Wanted, check_app, check_wanted
    from harness.report.price_offers import newest_prices
    from harness.runner.receipt.make import make_receipt

    _check_platform()
    base = None
    if app is not None:
        base = Deployment(
            app=check_app(app), cwd=_folder(cwd), python=_expanded(python),
            env=_variables(env, "--env"), server=server,
        )  # fmt: skip
    elif used := [n for n, v in (("cwd", cwd), ("python", python), ("env", env),
                                 ("server", server)) if v]:  # fmt: skip
        raise UsageError(f"--{used[0]} is about an application that is served; add --app.")
    wanted = Wanted(
        requests=_requests(context.meta[_TYPED], _headers(header, cookie)),
        deployment=base,
        url=_url(url),
        against=_against(base, against, against_env, against_server, against_python, against_cwd),
        expect=_expected(expect),
        connections=connections,
    )
    check_wanted(wanted)
    _warn_of_writes(wanted, count_only=count_only)
    workspace, cache = Workspace(), cache_folder()
    for file in (html, markdown):
        _check_place(file)
    with (
        measuring_alone(wait=wait, here=sys.platform == "linux"),
        ProgressListener(err) as listener,
    ):
        receipt = make_receipt(
            wanted, workspace, cache, listener,
            count_only=count_only, kept=partial(newest_prices, workspace.results, cache),
        )  # fmt: skip
    if as_json:
        print_json(receipt)
    else:
        _print(receipt)
    _write(receipt, html, markdown)  # last, so that a full disk does not take the rest along


def _print(receipt: "Receipt") -> None:
    from harness.report.receipt.till import till

    for line in till(receipt):
        out.print(Text(line), soft_wrap=True)


def _write(receipt: "Receipt", html: Path | None, markdown: Path | None) -> None:
    """Write the files that are asked for.

    Raises:
        OSError: one cannot be written.
    """
    from harness.base.files import replace
    from harness.report.receipt.markdown import receipt_markdown
    from harness.report.receipt.page import receipt_page

    if html is not None:
        replace(html, receipt_page(receipt).encode(), sync=False)
        note(f"{html} has the page.")
    if markdown is not None:
        replace(markdown, receipt_markdown(receipt).encode(), sync=False)
        note(f"{markdown} has the Markdown.")


def _check_place(file: Path | None) -> None:
    """Refuse a file that cannot be written, before a minute is spent.

    Raises:
        UsageError: its folder does not exist, or it is one.
    """
    if file is not None and (file.is_dir() or not file.absolute().parent.is_dir()):
        raise UsageError(f"{file} cannot be written; name a file in a folder that exists.")


def _check_platform() -> None:
    """Refuse Windows, where the harness does not run.

    Raises:
        UsageError: with what to do there.
    """
    if sys.platform == "win32":
        raise UsageError(
            "A receipt needs Linux or macOS; run the command in WSL, the Linux within Windows."
        )


def _folder(path: Path | None) -> Path:
    return Path.cwd() if path is None else path.expanduser().absolute()


def _expanded(path: Path | None) -> Path | None:
    return None if path is None else path.expanduser().absolute()


def _variables(texts: list[str] | None, option: str) -> dict[str, str]:
    from harness.inputs.application import check_variable

    return dict(check_variable(text, option) for text in texts or ())


def _url(text: str | None) -> str | None:
    from harness.inputs.application import check_url

    return None if text is None else check_url(text)


def _expected(statuses: list[int] | None) -> tuple[int, ...]:
    from harness.inputs.application import check_expect

    return tuple(check_expect(status) for status in statuses or ())


def _headers(headers: list[str] | None, cookies: list[str] | None) -> tuple[tuple[str, str], ...]:
    from harness.inputs.application import check_header, check_pair, cookie_header

    found = [check_header(text) for text in headers or ()]
    cookie = cookie_header(check_pair(text, "--cookie") for text in cookies or ())
    if cookie is not None and any(name.lower() == "cookie" for name, _ in found):
        raise UsageError("--header Cookie and --cookie exclude each other; leave one out.")
    return (*found, *(() if cookie is None else (cookie,)))


def _requests(
    typed: list[tuple[str, str]], headers: tuple[tuple[str, str], ...]
) -> "tuple[WantedRequest, ...]":
    """Requests in the order of the command line, each with the bodies that follow it.

    Raises:
        UsageError: a path or a body is wrong, or a body has no request.
    """
    import msgspec

    from harness.inputs.application import (
        WantedRequest,
        check_data,
        check_method,
        check_pair,
        check_target,
    )

    found: list[WantedRequest] = []
    for name, text in typed:
        option = f"--{name}"
        if name in _REQUESTS:
            method, target = name.upper(), text
            if name == "request":
                method, _, target = text.strip().partition(" ")
                method = check_method(method, option)
            found.append(WantedRequest(method, check_target(target.strip(), option), headers))
            continue
        if not found or found[-1].method in _GET_ALONE:
            raise UsageError(f"{option} belongs to the --post before it; write --post first.")
        last = found.pop()
        if name == "form":
            last = msgspec.structs.replace(last, form=(*last.form, check_pair(text, option)))
        elif last.data is not None:
            raise UsageError(f"`{last.name}` has two bodies; leave one --data out.")
        else:
            last = msgspec.structs.replace(last, data=check_data(text))
        if last.form and last.data is not None:
            raise UsageError(f"`{last.name}` has --form and --data; leave one out.")
        found.append(last)
    return tuple(found)


def _against(
    base: "Deployment | None",
    app: str | None,
    env: list[str] | None,
    server: str | None,
    python: Path | None,
    cwd: Path | None,
) -> "Deployment | None":
    """What the application is compared with: itself, but for what is given; None if nothing is.

    Raises:
        UsageError: there is no application to compare.
    """
    from harness.inputs.application import Deployment, check_app

    if not (app or env or server or python or cwd):
        return None
    if base is None:
        raise UsageError("--against compares two applications that are served; add --app.")
    return Deployment(
        app=base.app if app is None else check_app(app, "--against"),
        cwd=base.cwd if cwd is None else _folder(cwd),
        python=base.python if python is None else _expanded(python),
        env=base.env | _variables(env, "--against-env"),
        # Another application may speak the other protocol.
        server=server or (base.server if app is None else None),
    )


def _warn_of_writes(wanted: "Wanted", *, count_only: bool) -> None:
    """Say before they are sent that requests may write, and how many there will be."""
    writing = [r.name for r in wanted.requests if r.method not in _GET_ALONE]
    if writing:
        many = "hundreds" if count_only else "thousands"
        note(f"{', '.join(writing)}: sent {many} of times, to the database that is configured.")
