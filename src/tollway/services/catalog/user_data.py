"""What the catalogue keeps of people: which operator set a price or put capacity up for sale."""

from tollway.fabric.user_data import UserTable, own
from tollway.services.catalog import store

USER_TABLES = (
    UserTable(
        table=store.list_price,
        purpose="prices, with the id of the operator who set them",
        theirs=own(store.list_price, "actor"),
        keeps="for good: what was charged is explained by it; ids only",
    ),
    UserTable(
        table=store.issue,
        purpose="capacity put up for sale, with the id of the operator",
        theirs=own(store.issue, "actor"),
        keeps="for good: the books rest on it; ids only",
    ),
)
IMPERSONAL = (store.product, store.plan)
