"""Accounts of customers, and what the ledger itself books on."""

from tollway.contracts.books import ACCESS, AVAILABLE, MONEY, PLATFORM, USER, AccountType, Section

EXPIRED, SHORTFALL = "expired", "shortfall"

ACCOUNTS = (
    AccountType(
        USER,
        AVAILABLE,
        (MONEY, ACCESS),
        Section.LIABILITIES,
        "what a customer holds and may spend",
        may_overdraw=False,
    ),
    AccountType(PLATFORM, EXPIRED, (ACCESS,), Section.EQUITY, "access that was not used in time"),
    AccountType(
        PLATFORM, SHORTFALL, (ACCESS,), Section.EXPENSES, "access that was used and that no holding covered"
    ),
)
