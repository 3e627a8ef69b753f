"""The service API to another process: a gRPC channel with mutual TLS, to one or several servers of a service."""

from __future__ import annotations  # grpc's call types have parameters for the checker only

import asyncio
import contextlib
import ipaddress
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, cast

import grpc
import grpc.aio

from tollway.fabric import tls
from tollway.fabric.rpc.call import Call
from tollway.fabric.rpc.call_stream import MESSAGE_LIMIT_BYTES, SHARED_LIMIT_BYTES, ClientStream, NotSent
from tollway.fabric.rpc.channel import Channel, Codec
from tollway.fabric.rpc.trailers import read_problem, write_call
from tollway.kit.errors import Unavailable
from tollway.kit.tasks import spawn

CONNECT_WAIT_S = 2.0
RENEWAL_CHECK_S = 30.0
TURN_S = 1.0  # of several servers each has the calls of a caller for so long
_SERVICE_CONFIG = '{"loadBalancingConfig": [{"round_robin": {}}]}'


class RemoteChannel(Channel):
    """Reaches `service` at `addresses` as the service `caller`, with that service's certificate.

    Several addresses (`host:port`, all numeric or one name that resolves to several) have the calls in turn, a
    second's each. A call waits up to `connect_wait_s` for a connection before it raises Unavailable, since nothing
    has been sent by then; after that it is sent once. A renewed certificate is picked up within 30 s.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        service: str,
        certificates: Path,
        caller: str,
        connect_wait_s: float = CONNECT_WAIT_S,
    ) -> None:
        super().__init__(caller)
        self._target = target_of(addresses)
        self._service, self._certificates = service, certificates
        self._connect_wait_s = connect_wait_s
        self._version: tuple[int, ...] = ()
        self._look_again = 0.0
        self._channel: grpc.aio.Channel | None = None
        several = len(addresses) > 1 or self._target.startswith("dns:")
        self._lifetime_s = TURN_S if several else RENEWAL_CHECK_S
        self._stream: ClientStream | None = None
        self._alone_until = 0.0

    async def unary(self, path: str, request: Any, call: Call, codec: Codec) -> Any:
        """Send the request, with what others call at the same time, and return the answer."""
        data = codec.write(request)
        if len(data) > SHARED_LIMIT_BYTES:
            return await self._alone(path, data, call, codec)
        while monotonic() >= self._alone_until:
            stream = self._stream
            if stream is None or stream.retired:
                stream = await self._new_stream(call)
            try:
                return codec.read(await stream.answer(path, data, call))
            except NotSent as error:
                if error.unknown:  # a server of an earlier version, as during an upgrade
                    self._alone_until = monotonic() + RENEWAL_CHECK_S
        return await self._alone(path, data, call, codec)

    async def _alone(self, path: str, data: bytes, call: Call, codec: Codec) -> Any:
        """Send a request as a gRPC call of its own."""
        channel = await self._connected(call)
        method = cast("Any", channel).unary_unary(path, None, codec.read)
        try:
            return await method(data, timeout=call.left_s(), metadata=write_call(call))
        except grpc.aio.AioRpcError as error:
            raise read_problem(error) from None

    async def _new_stream(self, call: Call) -> ClientStream:
        channel = await self._connected(call)
        if self._stream is None or self._stream.retired:  # else another call has opened one meanwhile
            self._stream = ClientStream(channel, self._service, self._lifetime_s)
        return self._stream

    async def stream(self, path: str, request: Any, call: Call, codec: Codec) -> AsyncGenerator[Any]:
        """Send the request and yield the answers as they come."""
        channel = await self._connected(call)
        method = channel.unary_stream(path, codec.write, codec.read)
        answers = method(request, timeout=call.left_s(), metadata=write_call(call))
        try:
            async for answer in answers:
                yield answer
        except grpc.aio.AioRpcError as error:
            raise read_problem(error) from None
        finally:
            answers.cancel()

    async def channel_ready(self) -> None:
        """Wait until a server answers. Raises Unavailable when none does in time."""
        await self._connected(Call())

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:  # noqa: FBT002
        """Return whether a server is connected."""
        return self._open().get_state(try_to_connect)

    async def close(self, grace: float | None = None) -> None:
        """Close the connections."""
        channel, self._channel = self._channel, None
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.close()
        if channel is not None:
            await channel.close(grace)

    async def _connected(self, call: Call) -> grpc.aio.Channel:
        channel = self._open()
        if channel.get_state(try_to_connect=True) is grpc.ChannelConnectivity.READY:
            return channel
        left_s = call.left_s()
        wait_s = self._connect_wait_s if left_s is None else min(self._connect_wait_s, left_s)
        try:
            async with asyncio.timeout(wait_s):
                while True:
                    channel = self._open()  # anew, as the certificate may have been renewed meanwhile
                    state = channel.get_state(try_to_connect=True)
                    if state is grpc.ChannelConnectivity.READY:
                        return channel
                    with contextlib.suppress(grpc.aio.UsageError):  # it was closed, for another
                        await channel.wait_for_state_change(state)
        except TimeoutError:
            raise Unavailable(f"{self._service} does not answer; try again soon") from None

    def _open(self) -> grpc.aio.Channel:
        now = monotonic()
        if self._channel is not None and now < self._look_again:
            return self._channel
        self._look_again = now + RENEWAL_CHECK_S
        version = tls.version(self._certificates, self.caller)
        if self._channel is None:
            self._channel = self._new_channel()
        elif version != self._version:
            # A folder that is half-written, or gone, leaves the old connections as they are.
            with contextlib.suppress(tls.CertificateUnusable):
                fresh = self._new_channel()
                # Calls in flight end on the old connections; lasting streams are opened anew by their reader.
                spawn(self._channel.close(RENEWAL_CHECK_S), f"close old channel to {self._service}")
                self._channel = fresh
                if self._stream is not None:
                    self._stream.retire()  # what begins now has longer than the old connections
        self._version = version
        return self._channel

    def _new_channel(self) -> grpc.aio.Channel:
        identity = tls.load(self._certificates, self.caller)
        credentials = grpc.ssl_channel_credentials(identity.roots, identity.key, identity.certificate)
        return grpc.aio.secure_channel(
            self._target,
            credentials,
            options=(
                # The certificate must be that of the service, wherever it listens.
                ("grpc.ssl_target_name_override", self._service),
                ("grpc.service_config", _SERVICE_CONFIG),
                ("grpc.use_local_subchannel_pool", 1),
                ("grpc.keepalive_time_ms", 20_000),
                ("grpc.keepalive_timeout_ms", 5_000),
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.http2.max_pings_without_data", 0),
                ("grpc.initial_reconnect_backoff_ms", 100),
                ("grpc.min_reconnect_backoff_ms", 100),
                ("grpc.max_reconnect_backoff_ms", 2_000),
                ("grpc.max_receive_message_length", MESSAGE_LIMIT_BYTES),
            ),
        )


def target_of(addresses: Sequence[str]) -> str:
    """Turn addresses into gRPC's name for them. Raises ValueError when several are not numeric and alike."""
    hosts = [address.rpartition(":")[0].strip("[]") for address in addresses]
    versions = {_version(host) for host in hosts}
    if versions in ({4}, {6}):
        return f"ipv{versions.pop()}:{','.join(addresses)}"
    if len(addresses) == 1:
        return addresses[0] if addresses[0].startswith("unix:") else f"dns:///{addresses[0]}"
    raise ValueError(f"{', '.join(addresses)}: give one name, or numeric addresses of one kind")


def _version(host: str) -> int:
    try:
        return ipaddress.ip_address(host).version
    except ValueError:
        return 0
