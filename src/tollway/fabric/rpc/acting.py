"""For whom a call is made: proved by the access token that travels with it, not claimed by the caller.

A service acts for a person with that person's token, through every hop that follows from their request. The service
that is called checks the token itself, with the issuer's public keys, and takes the person from it. Without a token
nobody stands behind a call but the service that makes it: jobs, subscribers and timed work act as the service itself.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from tollway.fabric.rpc.call import Call

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
    """Proves for whom calls are made, and holds them to the rules about that."""

    def __init__(self, tokens: TokenChecker, rules: ActingRules) -> None:
        self._tokens, self._rules = tokens, rules

    def rule(self, api: str, method: str) -> ActingRule | None:
        """Return the rule of a method, if it has one."""
        return self._rules.get(api, {}).get(method)

    async def prove(self, call: Call) -> Call:
        """Return the call with the person in it who is proved. Raises Unauthenticated, Unavailable."""
        if call.token:
            principal = self._tokens.known(call.token) or await self._tokens.check(call.token)
            return call._replace(user_id=principal.user_id, principal=principal)
        # Whoever is named without proof is as good as the service that names them.
        named = call.caller_service if call.user_id else ""
        return call._replace(user_id=named, principal=None)
