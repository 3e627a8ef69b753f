"""What payments keeps of people."""

from sqlalchemy import select

from tollway.fabric.user_data import UserTable, own
from tollway.services.payments.store import tables

USER_TABLES = (
    UserTable(
        table=tables.deposit,
        purpose="deposits",
        theirs=own(tables.deposit),
        keeps="for good: money that came in belongs to the books, and may be reclaimed; ids of the provider only",
        # A key is any text of the customer's; the id is as unique.
        blanks={"request_key": tables.deposit.c.id, "action_url": "", "method": ""},
        exports=(
            "id",
            "currency",
            "amount",
            "state",
            "reason",
            "provider",
            "payment_ref",
            "refunded",
            "disputed",
            "transaction_id",
            "created_at_us",
        ),
    ),
    UserTable(
        table=tables.reversal,
        purpose="refunds and disputes",
        theirs=own(tables.reversal),
        keeps="for good: money that went back belongs to the books; ids of the provider only",
        exports=("id", "deposit_id", "kind", "currency", "amount", "recovered", "status", "created_at_us"),
    ),
    UserTable(
        table=tables.debt,
        purpose="what the customer owes",
        theirs=own(tables.debt),
        keeps="for good: nobody leaves with a debt, and one that comes later has to be known; ids only",
        exports=("currency", "owed", "created_at_us", "updated_at_us"),
    ),
    UserTable(
        table=tables.correction,
        purpose="what operators gave to the wallet, or took from it",
        theirs=own(tables.correction),
        keeps="for good: it belongs to the books; ids, and the operator's reason",
        exports=("id", "currency", "amount", "reason", "state", "transaction_id", "created_at_us"),
    ),
    UserTable(
        table=tables.payment_method,
        purpose="saved cards, by the provider's token and the last digits",
        theirs=own(tables.payment_method),
        exports=("id", "provider", "brand", "last4", "exp_month", "exp_year", "created_at_us"),
    ),
    UserTable(
        table=tables.webhook_event,
        purpose="messages of the payment provider, for some days (`payments.webhooks_kept_days`)",
        # By the provider's name for the customer, which the message holds; so before that name is erased.
        theirs=lambda user_id: (
            select(tables.customer.c.ref)
            .where(
                tables.customer.c.user_id == user_id,
                tables.customer.c.provider == tables.webhook_event.c.provider,
                tables.webhook_event.c.outcome != "",
                tables.webhook_event.c.body.contains(tables.customer.c.ref, autoescape=False),
            )
            .exists()
        ),
    ),
    UserTable(
        table=tables.customer,
        purpose="who the customer is at the payment provider",
        theirs=own(tables.customer),
        exports=("provider", "ref", "created_at_us"),
    ),
)
IMPERSONAL = (tables.webhook_endpoint,)
