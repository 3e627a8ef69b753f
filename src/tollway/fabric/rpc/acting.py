"""For whom a call is made: proved by the access token that travels with it, not claimed by the caller.

A service acts for a person with that person's token, through every hop that follows from their request. The service
that is called checks the token itself, with the issuer's public keys, and takes the person from it. Jobs, subscribers
and timed work act as the service itself: with a token of its own, which names the methods that it is for. Without any
token a service gets what changes nothing.
"""

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from tollway.fabric.rpc.call import Call
from tollway.kit.errors import Forbidden

if TYPE_CHECKING:
    from tollway.fabric.access_tokens import Principal

ActingRule = Callable[[Any, str, Any], None]
"""For whom a method may be called. It is given the request, the caller and the principal, None for the service itself,
and raises Forbidden."""
ActingRules = Mapping[str, Mapping[str, ActingRule]]
"""API → method → rule. A method without a rule may be called for anybody."""


class TokenChecker(Protocol):
    """Checks access tokens; `fabric.checked_tokens.CheckedTokens` is one."""

    def known(self, token: str) -> "Principal | None":
        """Return whose token this is, if it was checked before and is still good."""
        ...

    async def check(self, token: str) -> "Principal":
        """Return whose token this is. Raises Unauthenticated, and Unavailable without the issuer's keys."""
        ...


class Acting:
    """Proves for whom calls are made, and holds them to the rules about that.

    `needed`: the methods, by API, that are not called without a token.
    """

    def __init__(
        self, tokens: TokenChecker, rules: ActingRules, needed: Mapping[str, Collection[str]]
    ) -> None:
        self._tokens, self._rules, self._needed = tokens, rules, needed

    def rule(self, api: str, method: str) -> ActingRule | None:
        """Return the rule of a method, if it has one."""
        return self._rules.get(api, {}).get(method)

    async def prove(self, call: Call, api: str, method: str) -> Call:
        """Return the call with the person in it who is proved. Raises Unauthenticated, Forbidden, Unavailable."""
        if not call.token:
            if method in self._needed.get(api, ()):
                raise Forbidden(f"{api}.{method} takes an access token: a person's, or the caller's own")
            return _unproved(call)
        principal = self._tokens.known(call.token) or await self._tokens.check(call.token)
        if principal.kind != "service":
            return call._replace(user_id=principal.user_id, principal=principal)
        if principal.user_id != call.caller_service:
            raise Forbidden(f"{call.caller_service} presents the access token of {principal.user_id}")
        if f"{api}.{method}" not in principal.scopes:
            raise Forbidden(f"{call.caller_service} does not call {api}.{method} by itself")
        # It proves who calls here; what the called service asks for in turn, it asks for with its own.
        return _unproved(call)._replace(token="")


def _unproved(call: Call) -> Call:
    """Return a call behind which no person stands: whoever is named is as good as the service that names them."""
    return call._replace(user_id=call.caller_service if call.user_id else "", principal=None)
