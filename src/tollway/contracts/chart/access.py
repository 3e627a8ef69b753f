"""Accounts that access keeps, by access asset."""

from tollway.contracts.books import ACCESS, PLATFORM, AccountType, Section

CONSUMED = "consumed"

ACCOUNTS = (AccountType(PLATFORM, CONSUMED, (ACCESS,), Section.EQUITY, "access that was used"),)
