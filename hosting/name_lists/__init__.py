"""The lists of names that are not for everybody, as files: ours, or those of the operator's own folder (P28)."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from hosting.policy.listed_names import Listed, ListsBroken, NameLists, library_word, merged, read_list

OURS = Path(__file__).parent
LANGUAGES = ("german", "english")
"""Of the library's lists of words."""


def load_lists(folder: str = "") -> NameLists:
    """All lists: those of a folder, or ours, laid over the library's words.

    Args:
        folder: with files of the one format, `*.csv`; empty: ours.

    Raises:
        ListsBroken: there is no list, or one can't be read; the sentence names the file and the line.
    """
    place = Path(folder) if folder else OURS
    try:
        texts = {file.name: file.read_text(encoding="utf-8") for file in sorted(place.glob("*.csv"))}
    except (OSError, UnicodeDecodeError) as error:
        message = f"The lists of names in {place} can't be read: {error}."
        raise ListsBroken(message, "Correct them, or leave name_lists out of the settings: ours count then.") from error
    if not texts:
        message = f"There are no lists of names in {place}."
        raise ListsBroken(message, "Copy ours there, or leave name_lists out of the settings: ours count then.")
    return merged([*(read_list(text, f"{place}/{name}") for name, text in texts.items()), library_words()])


@cache
def library_words() -> tuple[Listed, ...]:
    """What the library lists as swear words in German and English, as entries that flag."""
    from glin_profanity.data.dictionary import dictionary  # noqa: PLC0415  # a tenth of a second

    words = (library_word(word) for language in LANGUAGES for word in dictionary.get_words(language))
    return tuple(one for one in words if one is not None)
