"""Where an old installation says that its settings and its users' folders lie (P33; phlymail.md section 8).

Its own `[path]` tells it, often as a path of the old host: as much of its end counts as lies in the archive.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hosting.product.editions import CONFIG_FOLDERS, below, find_roots, tree_at
from hosting.product.old_settings import OldIni, read_ini

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from hosting.product.editions import Tree

FIRST = "choices.ini.php"
"""The settings at the root, which tell where the others lie."""


def settled(tree: Tree) -> Tree:
    """An installation whose folder of settings is known, wherever its own settings say that it is."""
    folders = _folders(tree.texts)
    told = below(_first(tree).values.get(("path", "conf"), ""), folders)
    return replace(tree, config=told) if told and told not in CONFIG_FOLDERS.values() else tree


def roots_of(texts: Mapping[str, str]) -> tuple[str, ...]:
    """Where installations lie; a folder of settings that belongs to one of them is none of its own."""
    roots = find_roots(texts)
    trees = [settled(tree_at(root, texts, {}, ())) for root in roots]
    own = {f"{tree.root}/{tree.config}".lstrip("/") for tree in trees if tree.config}
    return tuple(root for root in roots if root not in own)


def _folders(paths: Collection[str]) -> set[str]:
    """The folders in which files lie."""
    return {path.rpartition("/")[0] for path in paths} - {""}


def _first(tree: Tree) -> OldIni:
    """The settings at the root, by letters of ASCII alone."""
    return read_ini(tree.texts.get(FIRST, ""))
