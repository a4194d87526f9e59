"""How a check says that it failed."""


class Violation(Exception):
    """A check failed; the message says what was expected and what was seen."""


def expect(condition: bool, problem: str) -> None:
    """Raise a `Violation` unless the condition holds."""
    if not condition:
        raise Violation(problem)
