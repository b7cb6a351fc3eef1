"""The whole service on one machine with one command: Redis, worker and API, down cleanly."""


class LocalError(Exception):
    """The service cannot start, or the demonstration cannot continue: a sentence for a person.

    The command takes everything down, prints the sentence and exits with status 1.
    """
