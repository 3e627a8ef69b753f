"""Changed grants reach flows under way: the rate, how many flows there may be, and the customer's rules.

The access service announces that a grant has changed; what it says now is asked for once per credential. A tunnel whose
target the new rules refuse ends; an HTTP connection is held to them with its next request.
"""

import asyncio

from tollway.contracts.access_pb2 import Change, Grant
from tollway.edge.access_client import AccessClient
from tollway.edge.charging import ChargingRegistry
from tollway.edge.credential_cache import affects
from tollway.edge.flow import Flow
from tollway.edge.policy import Policy, RequestContext, Stage
from tollway.edge.terminate_cause import TerminateCause
from tollway.fabric.clock import Clock

_BY_REQUEST = "http"  # the protocol whose requests are judged one by one


class GrantRefresh:
    """Asks for changed grants one after the other, so that a later one is never overtaken by an earlier one."""

    def __init__(
        self, *, access: AccessClient, charging: ChargingRegistry, policy: Policy, clock: Clock
    ) -> None:
        self._access, self._charging, self._policy, self._clock = access, charging, policy, clock
        self._changed: dict[str, None] = {}  # credentials, in the order in which they changed
        self._woken = asyncio.Event()

    def changed(self, change: Change) -> None:
        """Note which flows have another grant now."""
        for flow in self._charging.live_flows():
            if affects(change, flow.grant):
                flow.grant_changed = True
                self._changed[flow.grant.credential_id] = None
                self._woken.set()

    async def run(self) -> None:
        """Bring every change to its flows, for ever."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            while self._changed:
                credential_id = next(iter(self._changed))
                del self._changed[credential_id]
                grant = await self._access.grant(credential_id)
                if grant is not None:
                    self._apply(grant)

    def _apply(self, grant: Grant) -> None:
        for flow in self._charging.live_flows():
            if flow.grant.credential_id == grant.credential_id:
                flow.use_grant(grant)
                self._charging.quota_for(grant)
                if flow.protocol != _BY_REQUEST and flow.owner is not None and self._is_refused(flow):
                    flow.owner.terminate(TerminateCause.ADMIN_RESET)

    def _is_refused(self, flow: Flow) -> bool:
        if flow.customer is None or flow.exit is None or not flow.target:
            return False
        host, _, port = flow.target.rpartition(":")
        context = RequestContext(
            flow.grant, flow.quota, flow.customer, self._clock.now_us, host, int(port), flow.exit.name
        )
        return self._policy.first_refusal(Stage.CUSTOMER, context) is not None
