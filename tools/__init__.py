"""Programs that write files of the project; none of them is part of the library or the service."""
