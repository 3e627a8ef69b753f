"""Connections that stay open: WebSockets (RFC 6455) and streams.

They get the same admission as every request, and end within a second when the session that opened them ends. What is
refused before a WebSocket is accepted is answered with a problem document over HTTP; afterwards the connection is
closed with the code `CLOSE_CODE_BASE` + the problem's status, and the problem's code as the reason. A stream that has
begun just ends; the answer to the client's next request says why.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager

from pydantic import BaseModel
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from tollway.contracts.errors import SessionEnded
from tollway.fabric.access_tokens import Principal, Revocations
from tollway.kit.errors import Problem
from tollway.kit.tasks import cancel, spawn

CLOSE_CODE_BASE = 4000


@asynccontextmanager
async def while_session_lasts(revocations: Revocations, principal: Principal) -> AsyncGenerator[None]:
    """Run the block until it ends or the principal's session does. Raises SessionEnded in that case."""
    loop, limit = asyncio.get_running_loop(), asyncio.timeout(None)
    try:
        async with limit:
            with revocations.watch(principal, lambda: limit.reschedule(loop.time())):
                yield
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise SessionEnded from error


async def send_updates(websocket: WebSocket, updates: AsyncGenerator[BaseModel]) -> None:
    """Accept a WebSocket and send every update as JSON text until the client goes away.

    The next update is asked for once the last one was taken, so a slow client makes its source wait.
    What the client sends is read and left alone.
    """
    await websocket.accept()
    leaving = spawn(_until_gone(websocket), "websocket client")
    sending = asyncio.ensure_future(_send_all(websocket, updates))
    try:
        await asyncio.wait({leaving, sending}, return_when=asyncio.FIRST_COMPLETED)
        if sending.done():
            sending.result()
    finally:
        await cancel(sending)
        await cancel(leaving)


async def close(websocket: WebSocket, problem: Problem) -> None:
    """End an accepted WebSocket because of a problem; one that has ended already stays as it is."""
    if WebSocketState.DISCONNECTED not in (websocket.application_state, websocket.client_state):
        await websocket.close(CLOSE_CODE_BASE + problem.status, problem.code)


async def _send_all(websocket: WebSocket, updates: AsyncGenerator[BaseModel]) -> None:
    async with aclosing(updates):
        async for update in updates:
            try:
                await websocket.send_text(update.model_dump_json())
            except WebSocketDisconnect:
                return


async def _until_gone(websocket: WebSocket) -> None:
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass
