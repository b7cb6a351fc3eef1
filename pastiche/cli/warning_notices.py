"""Warnings on standard error: each once, even if it concerns many pictures of a batch."""

from collections.abc import Iterable

from pastiche.cli.screen import notice
from pastiche.client import JobWarning
from pastiche.option_warnings import OptionWarning


class WarningNotices:
    """The warnings that a command has shown.

    Args:
        name_contents: whether a warning about a content image begins with the name of its file.
    """

    def __init__(self, *, name_contents: bool = False) -> None:
        self._name_contents = name_contents
        self._shown: set[str] = set()

    def show(self, warnings: Iterable[JobWarning | OptionWarning], content: str) -> None:
        """Shows those that are new."""
        for warning in warnings:
            is_named = self._name_contents and warning.field == "content"
            sentence = f"{content}: {warning.detail}" if is_named else warning.detail
            if sentence not in self._shown:
                self._shown.add(sentence)
                notice(f"Warning: {sentence}")
