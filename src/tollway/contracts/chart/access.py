"""Accounts that access keeps, by access asset."""

from tollway.contracts.books import ACCESS, PLATFORM, AccountType, StatementSection

CONSUMED = "consumed"

ACCOUNTS = (AccountType(PLATFORM, CONSUMED, (ACCESS,), StatementSection.EQUITY, "access that was used"),)
