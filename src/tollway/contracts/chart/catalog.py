"""Accounts that the catalogue keeps, by access asset."""

from tollway.contracts.books import ACCESS, PLATFORM, AccountType, StatementSection

INVENTORY, ISSUANCE = "inventory", "issuance"

ACCOUNTS = (
    AccountType(
        PLATFORM, ISSUANCE, (ACCESS,), StatementSection.ASSETS, "all capacity that was ever put up for sale"
    ),
    AccountType(
        PLATFORM,
        INVENTORY,
        (ACCESS,),
        StatementSection.EQUITY,
        "capacity that is for sale",
        may_overdraw=False,
        shared_with=("orders",),
    ),
)

KINDS = ("issue",)
OPERATOR_KINDS = ("issue",)
