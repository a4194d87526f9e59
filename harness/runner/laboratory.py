"""What a run needs beside its study."""

from pathlib import Path

import msgspec

from harness.base.workspace import Workspace
from harness.inputs.catalog import Catalog
from harness.inputs.contract import Contract
from harness.inputs.study import Study
from harness.runner.listener import Listener


class Laboratory(msgspec.Struct, frozen=True):
    """What a run needs beside its study."""

    workspace: Workspace
    cache: Path
    catalog: Catalog
    contract: Contract
    database_url: str | None
    listener: Listener

    def with_setups(self, study: Study) -> "Laboratory":
        """With the variants that the study makes of others."""
        return msgspec.structs.replace(self, catalog=self.catalog.with_setups(study.setups))
