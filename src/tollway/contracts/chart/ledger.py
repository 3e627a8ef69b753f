"""Accounts of customers, and what the ledger itself books on."""

from tollway.contracts.books import ACCESS, AVAILABLE, MONEY, PLATFORM, USER, AccountType, StatementSection

EXPIRED, FORFEITED, SHORTFALL = "expired", "forfeited", "shortfall"

ACCOUNTS = (
    AccountType(
        USER,
        AVAILABLE,
        (MONEY, ACCESS),
        StatementSection.LIABILITIES,
        "what a customer holds and may spend",
        may_overdraw=False,
    ),
    AccountType(
        PLATFORM,
        FORFEITED,
        (MONEY,),
        StatementSection.INCOME,
        "money that customers gave up when they had their account deleted",
    ),
    AccountType(PLATFORM, EXPIRED, (ACCESS,), StatementSection.EQUITY, "access that was not used in time"),
    AccountType(
        PLATFORM,
        SHORTFALL,
        (ACCESS,),
        StatementSection.EXPENSES,
        "access that was used and that no holding covered",
    ),
)

KINDS = ("define", "give", "use", "expire", "hold_expired", "forfeit", "reverse")
