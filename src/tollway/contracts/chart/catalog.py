"""Accounts that the catalogue keeps, by access asset."""

from tollway.contracts.books import ACCESS, PLATFORM, AccountType, Section

INVENTORY, ISSUANCE = "inventory", "issuance"

ACCOUNTS = (
    AccountType(PLATFORM, ISSUANCE, (ACCESS,), Section.ASSETS, "all capacity that was ever put up for sale"),
    AccountType(
        PLATFORM, INVENTORY, (ACCESS,), Section.EQUITY, "capacity that is for sale", may_overdraw=False
    ),
)
