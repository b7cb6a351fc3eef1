"""Pictures on the service's disk as pictures of a job: the styles `example:wave` and `style:monet`,
the photograph `example:harbour`."""

from collections.abc import Iterable
from pathlib import Path
from shutil import copyfile

from anyio import to_thread

from api.access.authentication import Access
from api.http.problems import find_similar
from api.styles.catalogue import EXAMPLES
from shared.errors import FieldError, InvalidFields

_PHOTOGRAPHS = {
    f"example:{path.stem}": path for path in sorted((EXAMPLES / "content").glob("*.jpg"))
}
"""They are not listed as styles."""

_SHOWN = 5
"""How many styles an error lists."""


async def fetch_style(field: str, reference: str, target: Path, access: Access) -> Path:
    """Copies the style, or the example photograph, that a reference names to a file.

    Args:
        field: that has the reference.

    Raises:
        InvalidFields: it does not exist.
    """
    reference = reference.strip().lower()
    styles = await access.service.styles.find_files()
    paths = {name: style.path for name, style in styles.items()} | _PHOTOGRAPHS
    try:
        if reference not in paths:
            raise FileNotFoundError(reference)
        await to_thread.run_sync(copyfile, paths[reference], target)
    except OSError as error:
        sentence = f"There is no style {reference!r}. {_suggest(reference, paths)}"
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
