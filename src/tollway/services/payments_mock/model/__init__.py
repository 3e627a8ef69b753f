"""The pure rules of the mock: test cards, currencies, states of a payment, parameters, refusals, faults.

forms.py       `line_items[0][price]=…` to nested values
refusals.py    Stripe's error bodies
currencies.py  which currencies there are, and the least amounts
cards.py       what each documented test card does
resources.py   how each kind of object looks when it is new
payments.py    which step a payment allows in which state, and how it ends
signature.py   the Stripe-Signature header
faults.py      planned failures
"""
