"""Accounts that orders keeps, by currency."""

from tollway.contracts.books import MONEY, PLATFORM, AccountType, Section

BREAKAGE, DEFERRED, FEE, REVENUE = "breakage", "deferred", "fee", "revenue"

ACCOUNTS = (
    AccountType(
        PLATFORM, DEFERRED, (MONEY,), Section.LIABILITIES, "money received for access that was not used yet"
    ),
    AccountType(PLATFORM, REVENUE, (MONEY,), Section.INCOME, "money earned, as access is used"),
    AccountType(PLATFORM, BREAKAGE, (MONEY,), Section.INCOME, "money for access that expired unused"),
    AccountType(PLATFORM, FEE, (MONEY,), Section.INCOME, "the operator's fee on purchases"),
)
