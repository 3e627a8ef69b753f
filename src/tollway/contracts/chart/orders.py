"""Accounts that orders keeps, by currency."""

from tollway.contracts.books import MONEY, PLATFORM, AccountType, StatementSection

BREAKAGE, DEFERRED, FEE, REVENUE = "breakage", "deferred", "fee", "revenue"

ACCOUNTS = (
    AccountType(
        PLATFORM,
        DEFERRED,
        (MONEY,),
        StatementSection.LIABILITIES,
        "money received for access that was not used yet",
    ),
    AccountType(PLATFORM, REVENUE, (MONEY,), StatementSection.INCOME, "money earned, as access is used"),
    AccountType(
        PLATFORM, BREAKAGE, (MONEY,), StatementSection.INCOME, "money for access that expired unused"
    ),
    AccountType(PLATFORM, FEE, (MONEY,), StatementSection.INCOME, "the operator's fee on purchases"),
)

KINDS = ("hold", "buy", "release")
