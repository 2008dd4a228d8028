"""Bookmarks as the Netscape file that every browser takes, and feeds as OPML 2.0."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

HEAD = """<!DOCTYPE NETSCAPE-Bookmark-file-1>
<META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset=UTF-8">
<TITLE>Bookmarks</TITLE>
<H1>Bookmarks</H1>
"""
BROKEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Signs that no XML may hold."""

DEEPEST = 50


def clean(value: str) -> str:
    """A text without signs that may not stand."""
    return BROKEN.sub("", value)


def html(value: str) -> str:
    """A text as HTML, also within quotation marks."""
    return escape(clean(value), {'"': "&quot;", "'": "&#39;"})


class Tree:
    """Folders with what lies in them; a parent that is not there, or a circle, counts as the top.

    Args:
        folders: of each `id`, `childof` and `name`.
        items: with the number of the folder in `inside`.
        inside: the column of an item that names its folder.
    """

    def __init__(self, folders: Sequence[Mapping[str, str]], items: Sequence[Mapping[str, str]], inside: str) -> None:
        self.folders = {one["id"]: one for one in folders}
        self._below = dict[str, list[str]]()
        self._items: dict[str, list[Mapping[str, str]]] = {}
        for number in self.folders:
            self._below.setdefault(self._parent(number), []).append(number)
        for item in items:
            self._items.setdefault(item[inside] if item[inside] in self.folders else "", []).append(item)

    def below(self, number: str = "") -> list[Mapping[str, str]]:
        """The folders in a folder; in none: at the top."""
        return [self.folders[one] for one in self._below.get(number, ())]

    def items(self, number: str = "") -> list[Mapping[str, str]]:
        """What lies in a folder; in none: at the top."""
        return self._items.get(number, [])

    def _parent(self, number: str) -> str:
        """The folder in which one is, if that leads to the top."""
        parent = at = self.folders[number]["childof"]
        for _ in range(DEEPEST):
            if at not in self.folders:
                return parent if parent in self.folders else ""
            if at == number:
                break
            at = self.folders[at]["childof"]
        return ""


def bookmarks(tree: Tree) -> Iterator[str]:
    """The file of a user's bookmarks, piece by piece; of each item `name`, `url`, `description`, `added`, `modified`.

    Times are seconds since 1970, empty where none is known.
    """
    yield HEAD
    yield from _list(tree, "", 0)


def _list(tree: Tree, number: str, depth: int) -> Iterator[str]:
    """What lies in a folder, as a list."""
    pad = "    " * depth
    yield f"{pad}<DL><p>\n"
    for folder in tree.below(number):
        yield f"{pad}    <DT><H3>{html(folder['name'])}</H3>\n"
        yield from _description(pad, folder)
        yield from _list(tree, folder["id"], depth + 1)
    for item in tree.items(number):
        times = "".join(
            f' {name}="{item[column]}"'
            for name, column in (("ADD_DATE", "added"), ("LAST_MODIFIED", "modified"), ("LAST_VISIT", "visited"))
            if item.get(column, "").isdigit()
        )
        yield f'{pad}    <DT><A HREF="{html(item["url"])}"{times}>{html(item["name"] or item["url"])}</A>\n'
        yield from _description(pad, item)
    yield f"{pad}</DL><p>\n"


def _description(pad: str, one: Mapping[str, str]) -> Iterator[str]:
    """What the user noted of it."""
    if one.get("description"):
        yield f"{pad}    <DD>{html(one['description'])}\n"


def feeds(tree: Tree, title: str) -> Iterator[str]:
    """The file of a user's feeds; of each `name`, `xml_uri`, `html_uri`, `description`."""
    yield '<?xml version="1.0" encoding="UTF-8"?>\n<opml version="2.0">\n'
    yield f"  <head>\n    <title>{escape(clean(title))}</title>\n  </head>\n  <body>\n"
    yield from _outlines(tree, "", 2)
    yield "  </body>\n</opml>\n"


def _outlines(tree: Tree, number: str, depth: int) -> Iterator[str]:
    """What lies in a folder, as outlines."""
    pad = "  " * depth
    for folder in tree.below(number):
        yield f"{pad}<outline text={quoteattr(clean(folder['name']))}>\n"
        yield from _outlines(tree, folder["id"], depth + 1)
        yield f"{pad}</outline>\n"
    for item in tree.items(number):
        name = quoteattr(clean(item["name"] or item["xml_uri"]))
        more = "".join(
            f" {attribute}={quoteattr(clean(item[column]))}"
            for attribute, column in (("htmlUrl", "html_uri"), ("description", "description"))
            if item.get(column)
        )
        yield f'{pad}<outline type="rss" text={name} title={name} xmlUrl={quoteattr(clean(item["xml_uri"]))}{more}/>\n'
