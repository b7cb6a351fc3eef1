"""Why the service cannot start or the demonstration cannot go on, as a sentence for a person."""


class LocalError(Exception):
    """Ends the command with its sentence and exit status 1; everything is taken down first."""
