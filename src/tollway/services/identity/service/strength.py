"""How easily a password is guessed (zxcvbn), at a bounded cost whatever the password is made of."""

from functools import cache
from typing import Any, cast

# The time grows fast with the length; what is guessed easily shows in the beginning.
LOOKED_AT = 32
# It also grows with the number of ways to read the substitutes of letters (`4` and `@` for `a`, `1` for `i` or `l`).
MAX_READINGS = 8
# A private-use character stands for a substitute that is not read, and is as rare as the original.
_UNREAD = 0xE000


def strength(password: str, email: str) -> tuple[int, str]:
    """Return the score of a password, 0 to 4, and advice on a better one. `email` is easily guessed in it."""
    # Its dictionaries take 11 MB, and most processes never judge a password.
    from zxcvbn import zxcvbn  # noqa: PLC0415  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

    about = [email, email.partition("@")[0], "tollway"]
    found = cast("dict[str, Any]", zxcvbn(_bounded(password[:LOOKED_AT]), user_inputs=about))
    feedback: dict[str, Any] = found["feedback"]
    reason = str(feedback["warning"] or next(iter(feedback["suggestions"]), ""))
    return int(found["score"]), (reason[:1].lower() + reason[1:]).rstrip(".")


def _bounded(password: str) -> str:
    """Leave as many kinds of substitutes in a password as can be read in `MAX_READINGS` ways."""
    read: dict[str, int] = {}  # letter → how many of its substitutes are read
    unread: dict[int, int] = {}
    by_substitute = _letters()
    for char in dict.fromkeys(password):
        letters = by_substitute.get(char)
        if letters is None:
            continue
        wanted = {**read, **{letter: read.get(letter, 0) + 1 for letter in letters}}
        if _readings(wanted, len(letters)) <= MAX_READINGS:
            read = wanted
        else:
            unread[ord(char)] = _UNREAD + ord(char)
    return password.translate(unread)


@cache
def _letters() -> dict[str, list[str]]:
    """Return which letters each substitute stands for."""
    from zxcvbn.matching import L33T_TABLE  # noqa: PLC0415  # pyright: ignore[reportMissingTypeStubs]

    found: dict[str, list[str]] = {}
    for letter, substitutes in L33T_TABLE.items():
        for substitute in substitutes:
            found.setdefault(substitute, []).append(letter)
    return found


def _readings(read: dict[str, int], of_last: int) -> int:
    product = of_last
    for number in read.values():
        product *= number
    return product
