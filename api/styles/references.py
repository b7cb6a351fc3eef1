"""Styles on the service's disk as pictures of a job: `example:wave`, `style:monet`."""

from pathlib import Path
from shutil import copyfile

from anyio import to_thread

from api.access.authentication import Access
from api.http.problems import suggest_similar
from shared.errors import FieldError, InvalidFields

_SHOWN = 5
"""How many styles an error lists."""


async def fetch_style(field: str, reference: str, target: Path, access: Access) -> Path:
    """Copies the style that a reference names to a file.

    Args:
        field: that has the reference.

    Raises:
        InvalidFields: there is no such style.
    """
    reference = reference.strip().lower()
    files = await access.service.styles.find_files()
    try:
        if reference not in files:
            raise FileNotFoundError(reference)
        await to_thread.run_sync(copyfile, files[reference].path, target)
    except OSError as error:
        examples = ", ".join(f"`{each}`" for each in list(files)[:_SHOWN])
        hint = suggest_similar(reference, files) or f"There are {examples} and others."
        sentence = f"There is no style {reference!r}. {hint} `GET /styles` lists them all."
        raise InvalidFields([FieldError(field, "style_not_found", sentence)]) from error
    return target
