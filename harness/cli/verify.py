"""The command `verify`: does each variant do the work of the contract?"""

from typing import TYPE_CHECKING

from harness.cli.bench import Variants, examine
from harness.cli.console import DatabaseUrl, Json, Wait
from harness.cli.progress import verification_text

if TYPE_CHECKING:
    pass

EXAMPLE = "bridgetoll verify django"


def command(
    variants: Variants = None,
    wait: Wait = False,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Check that each variant does all work of the contract."""
    from harness.audit.verify import verify

    examine(
        variants, database_url, "verifying", verify, verification_text, wait=wait, as_json=as_json
    )
