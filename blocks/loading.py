"""One typed way to a block: loaded by name once in a process, or provided by who runs without a Prefect server."""

from __future__ import annotations

from typing import TypeVar, cast

from prefect.blocks.core import Block

BlockType = TypeVar("BlockType", bound=Block)

NAME = "phm"
"""All blocks of the service are saved under this name; their types tell them apart."""

_LOADED: dict[type[Block], Block] = {}


def load(kind: type[BlockType]) -> BlockType:
    """The service's block of a kind; asked from the Prefect server once in a process.

    Raises:
        ValueError: Prefect has no such block; `phm up` or `python -m deployments.apply` saves them.
    """
    if kind not in _LOADED:
        _LOADED[kind] = cast("Block", kind.load(NAME))  # typed "value or coroutine"; this is the sync call
    return cast("BlockType", _LOADED[kind])


def provide(*blocks: Block) -> None:
    """Use these blocks in this process, without asking a Prefect server (receiver, console, tests)."""
    for block in blocks:
        _LOADED[type(block)] = block
