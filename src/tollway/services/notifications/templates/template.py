"""What an e-mail is made of, and which event it is sent for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from string import Formatter
from typing import Any, Literal

from tollway.contracts.events import Event

Category = Literal["security", "receipts", "product"]
CATEGORIES: tuple[Category, ...] = ("security", "receipts", "product")


@dataclass(frozen=True, slots=True)
class Template:
    """One kind of message. Texts may hold `{parameters}`; `defaults` gives those that may be left out.

    The parameters `at` and `expires_at` are given as RFC 3339 and shown as people write times, with their preposition.
    `button` is the label of the message's one action, whose address is the parameter `link`; without a link
    there is no button, unless `link_required`. `figures` is a small table, label and value.
    """

    category: Category
    subject: str
    lines: tuple[str, ...]
    button: str = ""
    link_required: bool = False
    figures: tuple[tuple[str, str], ...] = ()
    after: tuple[str, ...] = ()
    defaults: Mapping[str, str] = field(default_factory=dict[str, str])

    def needs(self) -> frozenset[str]:
        """Name the parameters that must be given."""
        texts = (self.subject, *self.lines, *self.after, *(value for _, value in self.figures))
        named = {name for text in texts for _, name, _, _ in Formatter().parse(text) if name}
        if self.link_required:
            named.add("link")
        return frozenset(named - set(self.defaults) - {"brand"})


@dataclass(frozen=True, slots=True)
class EventEmail:
    """An e-mail that is sent for an event, to the user that the event names in `user_id`.

    `template` says which; it may depend on the event, and None sends nothing. `key` makes it one message however often
    the event is delivered. `params` fill the template; they are given the event and the platform's public address.
    """

    event: type[Event]
    template: Callable[[Any], str | None]
    key: Callable[[Any], str]
    params: Callable[[Any, str], Mapping[str, str]]
