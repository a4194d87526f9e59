"""Options that several commands take, each defined once."""

from typing import Annotated

import typer

from harness.cli import completion

VariantName = Annotated[
    str,
    typer.Argument(metavar="VARIANT", help="A variant's name.", autocompletion=completion.variants),
]

Workers = Annotated[
    int,
    typer.Option("--workers", metavar="N", min=1, max=1_000, help="Number of worker processes."),
]
Threads = Annotated[
    int,
    typer.Option(
        "--threads",
        metavar="N",
        min=1,
        max=10_000,
        help="Threads per worker, where the server has threads.",
    ),
]
WorkersOfB = Annotated[
    list[int] | None,
    typer.Option("--workers", metavar="N", min=1, max=1_000, help="B has so many workers."),
]
ThreadsOfB = Annotated[
    list[int] | None,
    typer.Option(
        "--threads", metavar="N", min=1, max=10_000, help="Each worker of B has so many threads."
    ),
]
"""Several values make several Bs of `bridgetoll ab`."""

FailOnRegression = Annotated[
    str | None,
    typer.Option(
        "--fail-on-regression",
        metavar="5%",
        help="Exit with 1 if slower by more than this, 3 if unsure.",
    ),
]
