"""Runs the whole service on one machine with one command: Redis, worker and API."""


class LocalError(Exception):
    """The service cannot start, or the demo cannot continue. The message is written for people.

    The command stops everything cleanly, prints the message and exits with status 1.
    """
