"""JSON Schemas: of `run.json`, of each trial and `summary.json`; and of what commands print.

They are kept in `shared/schemas` for those who read the files without this code. After a change to
a record, `python -m harness.report.schemas` writes them anew.
"""

from typing import Any

import msgspec

from harness.analysis.analyse import Analysis
from harness.analysis.receipt.receipt import Receipt
from harness.base.files import replace
from harness.base.workspace import Workspace
from harness.records.run import SCHEMA, Run
from harness.records.trial import Trial
from harness.report.data.ab import AbResult

KINDS: dict[str, type[msgspec.Struct]] = {
    "run": Run, "trial": Trial, "summary": Analysis, "ab": AbResult,
    "receipt": Receipt,
}  # fmt: skip
"""By name of the schema: the record that it describes."""
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TITLES = {
    "run": "run.json of a run of bridgetoll",
    "trial": "a trial of a run of bridgetoll: a line of trials.jsonl.gz, or a file of trials/",
    "summary": "report/summary.json of a run of bridgetoll",
    "ab": "what `bridgetoll ab --json` prints",
    "receipt": "what `bridgetoll receipt --json` prints",
}


def file_name(name: str) -> str:
    """Of the schema of that name."""
    return f"{name}.schema.json"


def schema(name: str) -> dict[str, Any]:
    """A schema as plain values.

    Args:
        name: one of KINDS.
    """
    (top,), parts = msgspec.json.schema_components((KINDS[name],))
    if name == "summary":
        _head(parts[top["$ref"].rpartition("/")[2]])
    made = {"$schema": _DIALECT, "title": _TITLES[name], **top, "$defs": parts}
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(made))  # defaults are tuples
    return plain


def schema_text(name: str) -> str:
    """A schema as its file's text."""
    return msgspec.json.format(msgspec.json.encode(schema(name)), indent=1).decode() + "\n"


def summary_text(analysis: Analysis) -> str:
    """An analysis as `summary.json`: first of which kind and version it is, then its fields.

    The reference is to the schema that every report has beside it, so it holds for copies too.
    """
    head = {"$schema": file_name("summary"), "schema": SCHEMA}
    body = msgspec.json.encode(head | msgspec.to_builtins(analysis, str_keys=True))
    return msgspec.json.format(body, indent=1).decode() + "\n"


def _head(summary: dict[str, Any]) -> None:
    """Add to the schema of an analysis what `summary_text` puts before it."""
    head = {"$schema": {"type": "string"}, "schema": {"enum": [SCHEMA]}}
    summary["properties"] = head | summary["properties"]
    summary["required"] = [*head, *summary["required"]]


def main() -> None:
    """Write all of them to `shared/schemas` of this checkout."""
    folder = Workspace().shared / "schemas"
    folder.mkdir(exist_ok=True)
    for name in KINDS:
        replace(folder / file_name(name), schema_text(name).encode())


if __name__ == "__main__":
    main()
