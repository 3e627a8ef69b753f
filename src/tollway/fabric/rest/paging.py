"""The parameters of every list: `?limit=&cursor=`, and `sort=` where there is more than one order.

A route takes `page: Paging`, or `page: Annotated[PageQuery, sorted_by("-started_at", "started_at")]`. Filters are
parameters of the route's own beside it, named like the fields that they compare.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Depends, Query

from tollway.kit.paging import DEFAULT_LIMIT, MAX_CURSOR_LENGTH, MAX_LIMIT

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many items at most")]
Cursor = Annotated[
    str,
    Query(
        max_length=MAX_CURSOR_LENGTH,
        description="The `next_cursor` of the page before, with the other parameters as they were; absent: the start",
    ),
]


@dataclass(frozen=True, slots=True)
class PageQuery:
    """Which page of a list is wanted. `sort` is a field's name, with `-` before it for the highest first."""

    limit: int
    cursor: str
    sort: str = ""

    @property
    def descending(self) -> bool:
        """Whether the highest comes first."""
        return self.sort.startswith("-")


async def _page(limit: Limit = DEFAULT_LIMIT, cursor: Cursor = "") -> PageQuery:
    return PageQuery(limit, cursor)


Paging = Annotated[PageQuery, Depends(_page)]


def sorted_by(*orders: str) -> Any:
    """Make the dependency of a list that comes in several orders, the first of which is the default."""

    async def page(limit: Limit = DEFAULT_LIMIT, cursor: Cursor = "", sort: str = orders[0]) -> PageQuery:
        return PageQuery(limit, cursor, sort)

    choices: Any = Literal[orders]  # pyright: ignore[reportInvalidTypeForm]
    described = Query(description="By which field; `-` before it: the highest first")
    page.__annotations__["sort"] = Annotated[choices, described]
    return Depends(page)
