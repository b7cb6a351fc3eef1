"""uvicorn's line for each request, without the query: it may have a token in it."""

import logging


def hide_queries() -> None:
    """From now on no query string is in the access log."""
    logging.getLogger("uvicorn.access").addFilter(_without_query)


def _without_query(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):
        record.args = tuple(_hidden(each) for each in record.args)
    return True


def _hidden(argument: object) -> object:
    if not isinstance(argument, str) or "?" not in argument:
        return argument
    return f"{argument.partition('?')[0]}?[hidden]"
