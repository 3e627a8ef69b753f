"""The `Stripe-Signature` header: `t=<seconds>,v1=<HMAC-SHA256 of "t.body" under the endpoint's secret>`.

The receiver recomputes it over the raw body and refuses an old `t`, so that a recorded delivery cannot be
played again later.
"""

import hashlib
import hmac


def sign(body: str, secret: str, at_s: int) -> str:
    """Return the header for `body` as sent at `at_s` (seconds since the epoch)."""
    digest = hmac.new(secret.encode(), f"{at_s}.{body}".encode(), hashlib.sha256).hexdigest()
    return f"t={at_s},v1={digest}"
