"""What a study may ask of Locust, which has a ramp and no slices."""

from pathlib import Path

from harness.base.errors import MalformedFile
from harness.inputs.settings import LoadSettings
from harness.inputs.study import Stopping, Study

_OWN_LOAD = (
    "slice_s", "rounds", "warmup_s", "timeout_s", "generators", "probe", "keep_requests",
)  # fmt: skip
_NATIVE = ("window_s", "rate", "share", "objective", "group", "beside")


def check_cells(path: Path, study: Study) -> None:
    """Refuse what only our own generator does, rather than leave it undone.

    Raises:
        MalformedFile: naming the key.
    """
    for index, condition in enumerate(study.conditions):
        for key in _NATIVE:
            if getattr(condition, key) is not None:
                raise MalformedFile(
                    path,
                    f"`conditions[{index}].{key}` means nothing to Locust, whose users come by "
                    '`[load] ramp`; remove it, or set `engine = "native"`.',
                )
    for key in ("contrasts", "waterfalls", "squares", "groups", "reruns"):
        if getattr(study, key):
            raise MalformedFile(
                path,
                f"`{key}` needs slices or windows, which Locust's cells are not; remove it, or set "
                '`engine = "native"`.',
            )
    usual = LoadSettings()
    for key in _OWN_LOAD:
        if getattr(study.load, key) != getattr(usual, key):
            raise MalformedFile(
                path,
                f"`load.{key}` is for our own generator, and Locust has nothing of the kind; "
                'remove it, or set `engine = "native"`.',
            )
    if study.stopping != Stopping():
        raise MalformedFile(
            path, "`stopping` means nothing to Locust's cells; remove it, or set `blocks`."
        )
