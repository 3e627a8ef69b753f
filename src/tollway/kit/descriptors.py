"""How many files this process may have open, sockets included (getrlimit(2))."""

import resource

_ENOUGH = 1_048_576  # more costs kernels and programs that go through all of them


def raise_limit() -> int:
    """Raise the limit as far as it may be raised without privileges, and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return _ENOUGH if soft == resource.RLIM_INFINITY else soft
