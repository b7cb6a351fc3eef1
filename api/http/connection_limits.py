"""How many files, and so how many connections, this process may have open."""

import resource

from shared.settings import Settings

_ENOUGH_FILES = 65_536
"""More are not asked for: some systems name a number that no process can have."""


def raise_soft_limit() -> None:
    """Lets this process open as many files as the system allows without more rights."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _ENOUGH_FILES if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def connections_limit(settings: Settings) -> int:
    """How many connections there may be: as the settings say, else half of the files: pictures on
    their way in, decoders and Redis need the others."""
    if settings.connections_limit is not None:
        return settings.connections_limit
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _ENOUGH_FILES // 2 if soft == resource.RLIM_INFINITY else soft // 2
