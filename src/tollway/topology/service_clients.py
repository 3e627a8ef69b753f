"""Finds a service's neighbours: a direct await when they are in this process, gRPC with mutual TLS when not."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tollway.contracts import events_pb2_grpc, tokens_pb2, tokens_pb2_grpc, user_data_pb2_grpc
from tollway.fabric import tls
from tollway.fabric.clock import Clock
from tollway.fabric.rpc import LocalChannel, LocalServer, call_context
from tollway.fabric.rpc.own_token import OwnToken
from tollway.fabric.service import stub_of
from tollway.settings import Settings
from tollway.topology import SERVICES, backends, calls_of, service_methods
from tollway.topology.certificates import api_address, certificates_of, server_name, socket_address

if TYPE_CHECKING:
    from tollway.fabric.events import EventSource


class ServiceClients:
    """The service APIs as seen from one process, in which `services` live."""

    def __init__(self, settings: Settings, clock: Clock, members: Sequence[str], apis: LocalServer) -> None:
        self._settings = settings
        self._clock = clock
        self._members = members
        self._services = [name for name in members if name in SERVICES]
        self._apis = apis
        self._channels: dict[tuple[str, str], Any] = {}
        self._own_tokens: dict[str, OwnToken] = {}
        self._check_certificates()

    @property
    def identity(self) -> str:
        """Whose certificate this process shows to callers."""
        return server_name(self._members)

    def client(self, caller: str) -> Callable[[str], Any]:
        """Give the function with which `caller` finds its neighbours' stubs.

        An assertion fails for an API that the caller's manifest does not name.
        """
        allowed = calls_of(caller)

        def find(api: str) -> Any:
            assert allowed.get(api), f"{caller} does not declare that it calls {api}"
            module = SERVICES[api].api
            assert module is not None, f"{api} serves no API"
            return stub_of(module, self._channel(caller, api))

        return find

    def event_source(self, caller: str, source: str) -> "EventSource":
        """Give what `caller` follows the events of `source` with."""
        from tollway.fabric.events.pull import PulledEvents

        stub: Any = events_pb2_grpc.EventsStub(self._channel(caller, source))
        return PulledEvents(source, stub)

    def user_data(self, caller: str) -> dict[str, Any]:
        """Give the stub of the UserData API of every service, by its name.

        An assertion fails for a caller whose manifest declares nothing of it.
        """
        assert SERVICES[caller].asks_user_data, f"{caller} does not declare that it asks for user data"
        services = (name for name, service in SERVICES.items() if not service.development)
        return {name: user_data_pb2_grpc.UserDataStub(self._channel(caller, name)) for name in services}

    def address(self, service: str) -> str:
        """Say where a service of this process serves its API to other processes; empty when it does not."""
        return api_address(self._settings, self._members, service)

    async def close(self) -> None:
        """Close the connections to other processes."""
        for channel in self._channels.values():
            await channel.close()

    def _channel(self, caller: str, service: str) -> Any:
        channel = self._found(caller, service)
        if caller in SERVICES and SERVICES[caller].by_itself:
            channel.own_token = self._own_token(caller)
        return channel

    def _own_token(self, caller: str) -> OwnToken:
        if caller not in self._own_tokens:
            tokens: Any = tokens_pb2_grpc.TokensStub(self._found(caller, "tokens"))

            async def issue() -> tuple[str, int]:
                with call_context(
                    user_id=""
                ):  # whoever is first needs it for everybody, and goes without a token
                    issued = await tokens.IssueServiceToken(tokens_pb2.IssueServiceTokenRequest())
                return issued.access_token, issued.expires_at_us

            self._own_tokens[caller] = OwnToken(service_methods()[caller], issue, self._clock)
        return self._own_tokens[caller]

    def _found(self, caller: str, service: str) -> Any:
        if service in self._services:
            return LocalChannel(self._apis, caller)
        address = self.address(service) or socket_address(self._settings, service)
        if (caller, service) not in self._channels:
            from tollway.fabric.rpc.remote import RemoteChannel

            folder = backends.certificates(self._settings)
            self._channels[caller, service] = RemoteChannel(address.split(","), service, folder, caller)
        return self._channels[caller, service]

    def _check_certificates(self) -> None:
        """Raise CertificateUnusable when one is missing, out of date or not good for a name."""
        folder = backends.certificates(self._settings)
        for name, hosts in certificates_of(self._settings, self._members).items():
            identity = tls.load(folder, name)
            identity.check(self._clock.now_us())
            if missing := identity.lacks(hosts):
                hosts_wanted = " ".join(f"--host {host}" for host in missing)
                raise tls.CertificateUnusable(
                    f"the certificate of {name} is not good for {', '.join(missing)}; "
                    f"issue it anew: tollway certs --service {name} {hosts_wanted}"
                )
