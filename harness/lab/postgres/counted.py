"""What PostgreSQL counted: one entry of `pg_stat_statements`."""

import re

import msgspec


class Counted(msgspec.Struct, frozen=True):
    """One entry of pg_stat_statements for one role."""

    query: str
    calls: int
    rows: int

    @property
    def verb(self) -> str:
        """The first word, in capitals."""
        return self.query.lstrip("( \n\t").split(None, 1)[0].rstrip(";").upper()

    @property
    def touches_posts(self) -> bool:
        """Whether the statement is about the table of the contract."""
        return re.search(r"\bpost\b", self.query) is not None
