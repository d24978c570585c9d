"""What the clauses of the contract are called, and where each is explained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

PAGE = "docs/reference/conformance.md"
"""Where every clause has a heading of its own."""

Need = Literal["credentials", "http api", "token", "explicit end", "concurrency", "coming back"]
"""What a provider may do without, so that a clause about it is not collected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One promise of a provider.

    Args:
        id: Its name, also the anchor on the page.
        sentence: What is promised.
        needs: What a provider must have for it to apply.
        sessions: How many sessions it makes at the provider at most, where no API is made to fail.
        at_once: How many of them live at the same time.
        each_cancelled: And one more for each of the starts that it cancels.
    """

    id: str
    sentence: str
    needs: tuple[Need, ...] = ()
    sessions: int = 1
    at_once: int = 1
    each_cancelled: bool = False

    @property
    def link(self) -> str:
        """Where it is explained."""
        return f"{PAGE}#{self.id}"

    @property
    def breach(self) -> str:
        """What stands below a failure."""
        return f"Clause `{self.id}` of the provider contract: {self.sentence}\nSee {self.link}"


CLAUSES: dict[str, Clause] = {}
"""All of them by id, in the order of the page."""

Function = TypeVar("Function", bound=Callable[..., Any])


def clause(
    id: str,
    sentence: str,
    *,
    needs: tuple[Need, ...] = (),
    sessions: int = 1,
    at_once: int = 1,
    each_cancelled: bool = False,
) -> Callable[[Function], Function]:
    """Make a test the proof of a clause; its name is the clause's.

    Args:
        id: As in ``Clause``.
        sentence: As in ``Clause``.
        needs: As in ``Clause``.
        sessions: As in ``Clause``.
        at_once: As in ``Clause``.
        each_cancelled: As in ``Clause``.
    """
    made = CLAUSES[id] = Clause(
        id=id,
        sentence=sentence,
        needs=needs,
        sessions=sessions,
        at_once=at_once,
        each_cancelled=each_cancelled,
    )

    def mark(function: Function) -> Function:
        assert function.__name__ == "test_" + id.replace("-", "_"), function.__name__
        function.conformance_clause = made  # type: ignore[attr-defined] # read by `clause_of`
        return function

    return mark


def clause_of(function: object) -> Clause | None:
    """Return the clause that a test proves; None where it proves none.

    Args:
        function: Of a test.
    """
    found = getattr(function, "conformance_clause", None)
    return found if isinstance(found, Clause) else None
