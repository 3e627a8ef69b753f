"""Reload: an operator adds routes to a running gateway; a broken file changes nothing; live requests go on."""

import asyncio
from pathlib import Path

from tests.kit.eventually import eventually
from tests.kit.gateway import HOST, Seen, Setup, Upstream, default_routes, echo, running_gateway
from tollway.gateway.route.files import RouteFiles
from tollway.gateway.route.table import InvalidRoutes


def write_route(folder: Path, name: str, address: str, more: str = "", prefix: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.toml"
    path.write_text(
        f'[[route]]\nname = "{name}"\nprefix = "{prefix or "/" + name}"\nendpoints = ["{address}"]\n'
        f'auth = "public"\n{more}'
    )
    return path


def poll(setup: Setup) -> None:
    setup.advance(2.1)


async def test_an_operator_adds_a_route_to_a_running_gateway(tmp_path: Path):
    folder = tmp_path / "routes.d"
    async with running_gateway(tmp_path, route_files=RouteFiles(folder)) as setup:
        assert (await setup.ask("GET", "/shop/a")).status == 404
        path = write_route(folder, "shop", setup.upstream.address, 'strip_prefix = true\nlimit = "none"\n')
        poll(setup)
        answer = await setup.ask("GET", "/shop/a?b=c")
        assert (answer.status, answer.json["target"], answer.header("RateLimit")) == (200, "/a?b=c", None)
        assert (await setup.ask("GET", "/api/catalog")).status == 200
        path.unlink()
        poll(setup)
        assert (await setup.ask("GET", "/shop/a")).status == 404


async def test_a_route_may_change_path_headers_and_host(tmp_path: Path):
    folder = tmp_path / "routes.d"
    more = """replace_prefix = "/v2"
upstream_host = "inner.test"
request_headers = { add = { X-Key = "k1", user-agent = "gateway" }, remove = ["X-Debug"] }
response_headers = { add = { X-Served-By = "shop" }, remove = ["Content-Type"] }
"""
    async with running_gateway(tmp_path, route_files=RouteFiles(folder)) as setup:
        write_route(folder, "shop", setup.upstream.address, more)
        poll(setup)
        answer = await setup.ask("GET", "/shop", b"X-Debug: 1\r\nX-Key: forged\r\nUser-Agent: me\r\n")
        seen = setup.upstream.seen[0]
        assert (answer.json["target"], seen.header("Host")) == ("/v2", "inner.test")
        assert [seen.header(name) for name in ("X-Key", "X-Debug", "User-Agent")] == ["k1", None, "gateway"]
        assert (answer.header("X-Served-By"), answer.header("Content-Type")) == ("shop", None)


async def test_an_upstream_of_the_operator_learns_the_user_and_gets_no_token(tmp_path: Path):
    folder = tmp_path / "routes.d"
    async with running_gateway(tmp_path, route_files=RouteFiles(folder)) as setup:
        path = write_route(folder, "shop", setup.upstream.address)
        path.write_text(path.read_text().replace('auth = "public"', 'auth = "user"'))
        poll(setup)
        assert (await setup.ask("GET", "/shop")).status == 401
        forged = b"X-User-Id: usr_root\r\n"
        assert (await setup.ask("GET", "/shop", b"Authorization: Bearer usr_alice\r\n", forged)).status == 200
        (seen,) = setup.upstream.seen
        assert (seen.header("X-User-Id"), seen.header("Authorization")) == ("usr_alice", None)


async def test_a_broken_file_is_refused_and_the_routes_stay(tmp_path: Path):
    folder = tmp_path / "routes.d"
    async with running_gateway(tmp_path, route_files=RouteFiles(folder)) as setup:
        path = write_route(folder, "shop", setup.upstream.address)
        poll(setup)
        good = path.read_text()
        path.write_text(good.replace("endpoints", "endpoint"))
        table = setup.gateway.context.table
        poll(setup)
        assert setup.gateway.context.table is table
        assert setup.gateway.routes.error == "shop.toml: route 'shop': endpoints: Field required (and 1 more)"
        assert (await setup.ask("GET", "/shop")).status == 200
        path.write_text(good)
        poll(setup)
        assert setup.gateway.routes.error == ""


async def test_a_route_of_the_platform_cannot_be_taken_over(tmp_path: Path):
    folder = tmp_path / "routes.d"
    async with running_gateway(tmp_path, route_files=RouteFiles(folder)) as setup:
        write_route(folder, "mine", setup.upstream.address, prefix="/api/orders")
        poll(setup)
        assert "takes the same requests as 'orders'" in setup.gateway.routes.error
        assert (await setup.ask("GET", "/api/orders")).status == 401


async def test_a_gateway_starts_with_a_broken_file_and_without_its_routes(tmp_path: Path):
    folder = tmp_path / "routes.d"
    write_route(folder, "shop", "h:1").write_text("nonsense")
    async with running_gateway(tmp_path, route_files=RouteFiles(folder)) as setup:
        assert setup.gateway.routes.error.startswith("shop.toml: ")
        assert (await setup.ask("GET", "/api/catalog")).status == 200


async def test_requests_under_way_end_on_the_route_that_they_began_with(tmp_path: Path):
    folder = tmp_path / "routes.d"
    other = Upstream()
    await other.start()
    async with running_gateway(tmp_path, route_files=RouteFiles(folder)) as setup:
        answering = asyncio.Event()

        async def wait(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await answering.wait()
            await echo(seen, reader, writer)

        other.script = wait
        path = write_route(folder, "shop", other.address)
        poll(setup)
        client = await setup.client()
        client.send(b"GET /shop/slow HTTP/1.1\r\n" + HOST + b"\r\n")
        await eventually(lambda: len(other.seen) == 1)
        path.unlink()
        poll(setup)
        assert (await setup.ask("GET", "/shop/slow")).status == 404
        answering.set()
        assert (await client.answer()).json["target"] == "/shop/slow"
        await eventually(lambda: not other.writers)  # nobody names the endpoint any more
        assert setup.lines()[-1]["route"] == "shop"
    await other.stop()


async def test_connections_to_endpoints_that_stay_are_kept(tmp_path: Path):
    folder = tmp_path / "routes.d"
    async with running_gateway(tmp_path, route_files=RouteFiles(folder)) as setup:
        await setup.ask("GET", "/api/catalog")
        for number in range(3):
            write_route(folder, f"shop{number}", setup.upstream.address)
            poll(setup)
            await setup.ask("GET", "/api/catalog")
            await setup.ask("GET", f"/shop{number}")
        assert setup.upstream.connections == 1


def test_the_error_of_a_load_is_kept_until_the_next():
    from tollway.gateway.route.reload import RouteReloader

    outcomes = iter((InvalidRoutes("a: b"), None))

    def use(_routes: object) -> None:
        if (problem := next(outcomes)) is not None:
            raise problem

    routes = RouteReloader(default_routes("h:1"), None, use, 2.0)
    routes.reload()
    assert routes.error == "a: b"
    routes.reload()
    assert routes.error == ""
