"""The rules of the ledger, without any I/O.

values      what the books consist of
records     what a transaction leaves behind
view        what a draft may read of the state before it
draft       a transaction in the making: the four kinds of legs, lots
working_set the part of the ledger that is in memory, and how a command is executed on it
posting     commands: a posting of legs, its reversal
metering    commands: reserve, report use, release
maintenance commands: define, open, expire
seals       how transactions are hashed, tagged, chained and signed
chain       whether seals and transactions fit together
claims      whether what others say about transactions fits
"""
