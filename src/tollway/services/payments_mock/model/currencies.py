"""Currencies: which are known, how many decimals they have, the least and the largest charge."""

from tollway.services.payments_mock.model.refusals import Refused, invalid

MAX_AMOUNT = 99_999_999

_ZERO_DECIMAL = "bif clp djf gnf jpy kmf krw mga pyg rwf ugx vnd vuv xaf xof xpf"
_THREE_DECIMAL = "bhd jod kwd omr tnd"
_TWO_DECIMAL = (
    "aed all amd ang aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd bwp byn bzd cad cdf chf cny cop crc cve "
    "czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl htg huf idr ils inr isk jmd kes kgs "
    "khr kyd kzt lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd "
    "pab pen pgk php pkr pln qar ron rsd rub sar sbd scr sek sgd shp sle sos srd std szl thb tjs top try ttd "
    "twd tzs uah usd uyu uzs wst xcd yer zar zmw"
)
_DECIMALS = {
    **dict.fromkeys(_ZERO_DECIMAL.split(), 0),
    **dict.fromkeys(_TWO_DECIMAL.split(), 2),
    **dict.fromkeys(_THREE_DECIMAL.split(), 3),
}
_LEAST = {"usd": 50, "eur": 50, "gbp": 30, "chf": 50, "jpy": 50, "cad": 50, "aud": 50, "sek": 300, "nok": 300}


def decimals(currency: str) -> int:
    """Return how many decimals the smallest unit stands for: 2 for usd, 0 for jpy, 3 for kwd."""
    return _DECIMALS[currency]


def check_currency(currency: str, param: str = "currency") -> str:
    """Return the currency in lower case. Raises Refused when there is no such."""
    lower = currency.lower()
    if lower not in _DECIMALS:
        listed = ", ".join(sorted(_DECIMALS))
        raise invalid(
            param, f"Invalid currency: {lower[:20]}. Stripe currently supports these currencies: {listed}"
        )
    return lower


def check_amount(amount: int, currency: str, param: str = "amount") -> int:
    """Return an amount that may be charged. Raises Refused when it is too small or too large."""
    least = _LEAST.get(currency, 1)
    if amount < 1:
        raise invalid(param, "This value must be greater than or equal to 1.", "parameter_invalid_integer")
    if amount < least:
        text = f"Amount must be at least {show(least, currency)}"
        raise Refused(400, text, code="amount_too_small", param=param)
    if amount > MAX_AMOUNT:
        text = f"Amount must be no more than {show(MAX_AMOUNT, currency)}"
        raise Refused(400, text, code="amount_too_large", param=param)
    return amount


def show(amount: int, currency: str) -> str:
    """Render an amount in its smallest unit for a person, e.g. `$6.00` or `600 JPY`."""
    places = decimals(currency)
    whole = f"{amount // 10**places:,}" + (f".{amount % 10**places:0{places}d}" if places else "")
    sign = {"usd": "$", "eur": "€", "gbp": "£"}.get(currency)
    return f"{sign}{whole}" if sign else f"{whole} {currency.upper()}"
