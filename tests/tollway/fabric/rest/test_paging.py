"""Every list is asked for in the same way, and what nobody could mean is refused."""

from typing import Annotated, Any

import pytest
from fastapi import APIRouter

from tests.kit.rest import RestClient, rest
from tollway.fabric.rest import PageQuery, Paging, route, sorted_by
from tollway.kit.ids import id_pattern, is_id, new_id
from tollway.topology.routers import routers


@pytest.fixture
def client() -> RestClient:
    routes = APIRouter()

    @routes.get("/plain", **route(permission="public"))
    async def plain(page: Paging) -> dict[str, Any]:
        return {"limit": page.limit, "cursor": page.cursor, "sort": page.sort}

    @routes.get("/sorted", **route(permission="public"))
    async def in_order(page: Annotated[PageQuery, sorted_by("-at", "at")]) -> dict[str, Any]:
        return {"sort": page.sort, "descending": page.descending}

    return rest(routes)


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("/plain", {"limit": 50, "cursor": "", "sort": ""}),
        ("/plain?limit=200&cursor=abc", {"limit": 200, "cursor": "abc", "sort": ""}),
        ("/plain?cursor=", {"limit": 50, "cursor": "", "sort": ""}),
        ("/sorted", {"sort": "-at", "descending": True}),
        ("/sorted?sort=at", {"sort": "at", "descending": False}),
        ("/sorted?sort=-at", {"sort": "-at", "descending": True}),
    ],
)
async def test_a_page_is_asked_for(client: RestClient, query: str, answer: dict[str, Any]) -> None:
    reply = await client.get(query)
    assert (reply.status, reply.json) == (200, answer)


@pytest.mark.parametrize(
    "query",
    ["/plain?limit=0", "/plain?limit=201", "/plain?limit=-1", "/plain?limit=x", "/plain?limit=", "/sorted?sort=id",
     "/sorted?sort=", "/sorted?sort=--at", f"/plain?cursor={'x' * 9000}"],
)  # fmt: skip
async def test_what_nobody_could_mean_is_refused(client: RestClient, query: str) -> None:
    assert (await client.get(query)).status == 422


def test_every_list_with_a_cursor_takes_the_same_parameters() -> None:
    found = 0
    for router in routers().values():
        routes: list[Any] = list(router.routes)
        for one in routes:
            names = [field.name for field in _query_fields(one.dependant)]
            if "cursor" in names:
                found += 1
                assert {"limit", "cursor"} <= set(names)
                assert any(
                    isinstance(_made(one, name), PageQuery) for name in one.dependant.call.__annotations__
                ), one
    assert found >= 10


def _query_fields(dependant: Any) -> list[Any]:
    inner = [field for one in dependant.dependencies for field in _query_fields(one)]
    return [*dependant.query_params, *inner]


def _made(one: Any, name: str) -> Any:
    kind = one.dependant.call.__annotations__[name]
    return PageQuery(1, "") if getattr(kind, "__origin__", None) is PageQuery else None


def test_the_pattern_of_an_id_says_what_is_id_says() -> None:
    import re

    pattern = re.compile(id_pattern("ord"))
    for text in (
        new_id("ord"),
        new_id("usr"),
        "ord_",
        "ord_" + "u" * 26,
        "ord_" + "a" * 25,
        new_id("ord") + "\n",
    ):
        assert bool(pattern.fullmatch(text)) == is_id("ord", text), text
