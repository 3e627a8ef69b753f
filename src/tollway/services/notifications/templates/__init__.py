"""Every e-mail that the platform sends, one module per subject.

A module holds `TEMPLATES`, by name, and `EVENT_EMAILS`, which of them are sent for which event. Other services ask for
the rest by name. A new e-mail is an entry there; a new module is named in `_MODULES`.
"""

from collections.abc import Mapping

from tollway.services.notifications.templates import account, deposits, orders
from tollway.services.notifications.templates.template import CATEGORIES, Category, EventEmail, Template

_MODULES = (account, deposits, orders)

TEMPLATES: Mapping[str, Template] = {
    name: template for module in _MODULES for name, template in module.TEMPLATES.items()
}
EVENT_EMAILS: tuple[EventEmail, ...] = tuple(email for module in _MODULES for email in module.EVENT_EMAILS)
assert len(TEMPLATES) == sum(len(module.TEMPLATES) for module in _MODULES), "two templates share a name"

__all__ = ["CATEGORIES", "EVENT_EMAILS", "TEMPLATES", "Category", "EventEmail", "Template"]
