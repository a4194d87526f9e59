"""Compiled templates, kept in the cache folder: to compile them takes a third of a second."""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import jinja2
from jinja2.bccache import Bucket

from harness.base.files import replace

_DIGEST = hashlib.sha256().digest_size


class CompiledTemplates(jinja2.BytecodeCache):
    """One file for each template. Jinja takes it for the very source and Python alone.

    A damaged file is made again, so the folder can be removed at any time.

    Args:
        folder: where they lie; made when one is kept.
        ways: what else compiling depends on: Jinja's version, and the environment's options.
    """

    def __init__(self, folder: Path, ways: Sequence[str]) -> None:
        self._folder = folder
        self._ways = ways

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill the bucket, unless there is no whole file."""
        with suppress(OSError):
            text = self._path(bucket).read_bytes()
            check, body = text[:_DIGEST], text[_DIGEST:]
            if check == hashlib.sha256(body).digest():
                bucket.bytecode_from_string(body)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the bucket's template; without a word if the cache cannot hold it."""
        body = bucket.bytecode_to_string()
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            replace(self._path(bucket), hashlib.sha256(body).digest() + body, sync=False)

    def _path(self, bucket: Bucket) -> Path:
        name = hashlib.sha256("\0".join((bucket.key, *self._ways)).encode()).hexdigest()[:24]
        return self._folder / f"{name}.jinja"
