"""Accounts that payments keeps, by currency."""

from tollway.contracts.books import MONEY, PLATFORM, AccountType, StatementSection

CLEARING, DISPUTE, SHORTFALL = "clearing", "dispute", "shortfall"

ACCOUNTS = (
    AccountType(
        PLATFORM,
        CLEARING,
        (MONEY,),
        StatementSection.ASSETS,
        "money on its way from or to a provider; returns to zero when the provider has paid out",
    ),
    AccountType(
        PLATFORM, DISPUTE, (MONEY,), StatementSection.ASSETS, "money that a cardholder's bank has reclaimed"
    ),
    AccountType(
        PLATFORM,
        SHORTFALL,
        (MONEY,),
        StatementSection.EXPENSES,
        "reclaimed money that the customer no longer had",
    ),
)
