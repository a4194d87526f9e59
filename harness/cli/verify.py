"""The command `verify`: does each variant do the work of the contract?"""

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from harness.cli.bench import Variants, examine
from harness.cli.console import DatabaseUrl, Json

if TYPE_CHECKING:
    from harness.records.verification import Verification

EXAMPLE = "bridgetoll verify django"


def command(
    variants: Variants = None, database_url: DatabaseUrl = None, as_json: Json = False
) -> None:
    """Check that each variant does all work of the contract."""
    from harness.audit.verify import verify

    examine(variants, database_url, "verifying", verify, verification_text, as_json=as_json)


def verification_text(verification: "Verification") -> RenderableType:
    """One line if all is well, else one per failed check."""
    count = len(verification.outcomes)
    if verification.passed:
        return Text.assemble(("ok    ", "green"), f"{verification.variant}: {count} checks")
    failed = [Text(f"      {problem}") for problem in verification.problems]
    return Group(Text.assemble(("FAILS ", "bold red"), verification.variant), *failed)
