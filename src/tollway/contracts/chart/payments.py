"""Accounts that payments keeps, by currency."""

from tollway.contracts.books import MONEY, PLATFORM, USER, AccountType, StatementSection

CLEARING, DEBT, DISPUTE, SHORTFALL = "clearing", "debt", "dispute", "shortfall"
ADJUSTMENT = "adjustment"

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
        "reclaimed money that the platform gave up",
    ),
    AccountType(
        PLATFORM,
        ADJUSTMENT,
        (MONEY,),
        StatementSection.EXPENSES,
        "what operators gave to customers, or took from them, as a correction",
    ),
    AccountType(
        USER,
        DEBT,
        (MONEY,),
        StatementSection.ASSETS,
        "reclaimed money that a customer no longer had, and owes",
    ),
)

KINDS = ("deposit", "refund", "chargeback", "settle", "correct")
OPERATOR_KINDS = ("correct",)
