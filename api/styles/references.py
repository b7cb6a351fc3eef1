"""Styles on the service's disk as pictures of a job: `example:wave`, `style:monet`."""

from collections.abc import Iterable
from pathlib import Path
from shutil import copyfile

from anyio import to_thread

from api.access.authentication import Access
from api.http.problems import find_similar
from shared.errors import FieldError, InvalidFields

_SHOWN = 5
"""How many styles an error lists."""


async def fetch_style(field: str, reference: str, target: Path, access: Access) -> Path:
    """Copies the style that a reference names to a file.

    Args:
        field: that has the reference.

    Raises:
        InvalidFields: the style does not exist.
    """
    reference = reference.strip().lower()
    files = await access.service.styles.find_files()
    try:
        if reference not in files:
            raise FileNotFoundError(reference)
        await to_thread.run_sync(copyfile, files[reference].path, target)
    except OSError as error:
        sentence = f"There is no style {reference!r}. {_suggest(reference, files)}"
        raise InvalidFields([FieldError(field, "style_not_found", sentence)]) from error
    return target


def _suggest(reference: str, known: Iterable[str]) -> str:
    """The style with the most similar name, or a few if none is similar."""
    names = {each.partition(":")[2]: each for each in known}
    similar = find_similar(reference.partition(":")[2], names)
    if similar is not None:
        return f"Did you mean `{names[similar]}`?"
    examples = ", ".join(f"`{each}`" for each in list(names.values())[:_SHOWN])
    return f"There are {examples} and others: `GET /styles` lists them."
