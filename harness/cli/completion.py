"""Names that the shell completes: variants, servers, studies, claims, runs, checks."""

from harness.base.errors import BridgetollError
from harness.base.workspace import Workspace


def variants(incomplete: str) -> list[str]:
    """Variants by their names, and folders that stand for all of theirs."""
    from harness.inputs.catalog import load_catalog

    try:
        catalog = load_catalog(Workspace())
    except (BridgetollError, OSError):
        return []
    return _beginning(incomplete, [*catalog.implementations, *catalog.variants])


def servers(incomplete: str) -> list[str]:
    """Servers by their names."""
    from harness.inputs.servers import load_servers

    try:
        known, _ = load_servers(Workspace().shared / "servers.toml")
    except BridgetollError:
        return []
    return _beginning(incomplete, list(known))


def application_servers(incomplete: str) -> list[str]:
    """Servers for applications that are not ours, by their names."""
    from harness.inputs.servers import load_servers, offered_servers

    try:
        known, _ = load_servers(Workspace().shared / "servers.toml")
    except BridgetollError:
        return []
    return _beginning(incomplete, offered_servers(known))


def studies(incomplete: str) -> list[str]:
    """Studies by their names."""
    from harness.inputs.study_loader import study_names

    return _beginning(incomplete, study_names(Workspace()))


def runs(incomplete: str) -> list[str]:
    """Runs by their names."""
    from harness.records.store import run_ids

    return _beginning(incomplete, list(run_ids(Workspace().results)))


def claims_and_runs(incomplete: str) -> list[str]:
    """Published claims and runs by their names."""
    from harness.inputs.claims import readable_claims

    claims, _ = readable_claims(Workspace())
    return [*_beginning(incomplete, [claim.name for claim in claims]), *runs(incomplete)]


def lists(incomplete: str) -> list[str]:
    """What `list` shows: all of a kind, a framework's folder, or a variant."""
    return [*_beginning(incomplete, ["variants", "studies", "runs"]), *variants(incomplete)]


def checks(incomplete: str) -> list[str]:
    """Checks of `verify`, with hyphens for the spaces of their names."""
    from harness.audit.verify import checks as described

    return _beginning(incomplete, [name.replace(" ", "-") for name in described()])


def _beginning(incomplete: str, names: list[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
