"""Puts `shared/` into wheels, so that `bridgetoll receipt` needs no checkout."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface):
    """An editable install reads the checkout's own, and must not get a copy that falls behind."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before a wheel is built; `version` tells which kind."""
        if version == "standard":
            build_data["force_include"]["shared"] = "harness/shared"
