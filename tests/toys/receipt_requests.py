"""Requests of a receipt, as the command line would make them."""

import msgspec


class Wanted(msgspec.Struct, frozen=True):
    """A request; see `harness.audit.receipt.client.Askable`."""

    target: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    form_names: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.method} {self.target}"

    @property
    def header_names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.headers)

    def encoded(self, host: str, port: int) -> bytes:
        lines = [f"{self.method} {self.target} HTTP/1.1", f"Host: {host}:{port}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        return "\r\n".join([*lines, "", ""]).encode()
