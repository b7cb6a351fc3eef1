"""What a client may have meant by a name that does not exist."""

from collections.abc import Collection
from difflib import get_close_matches

from shared.errors import FieldError


def unknown_field(name: str, known: Collection[str]) -> FieldError:
    """The fault of a field that does not exist, with the field that was probably meant; with all
    of them where none is near."""
    near = get_close_matches(name.lower().replace("-", "_"), known, n=1, cutoff=0.7)
    hint = f"Did you mean `{near[0]}`?" if near else f"The fields are {', '.join(known)}."
    return FieldError(name, "unknown_field", f"There is no such field. {hint}")
