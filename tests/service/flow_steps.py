"""The steps of a flow in the order in which its text names them, so that no test keeps a list of its own."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from typing import TYPE_CHECKING, Any

from prefect import Task

if TYPE_CHECKING:
    from collections.abc import Callable


class _Reader(ast.NodeVisitor):
    """Follows the calls of one module's functions; what only a failure calls is left out."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.names = names
        self.module = names["__name__"]
        self.found: list[str] = []

    def read(self, function: Callable[..., Any]) -> None:
        self.visit(ast.parse(textwrap.dedent(inspect.getsource(function))))

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        """Not on the way of a run that goes well."""

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)  # what is called first stands in the brackets
        called = self.names.get(node.func.id) if isinstance(node.func, ast.Name) else None
        if isinstance(called, Task):
            self.found.append(called.name)
        elif inspect.isfunction(called) and called.__module__ == self.module:
            self.read(called)


def steps_of(*functions: Callable[..., Any]) -> list[str]:
    """The names of all steps that these functions of a flow's module call, each once."""
    return list(dict.fromkeys(step for step, _ in calls_of(*functions)))


def calls_of(*functions: Callable[..., Any]) -> list[tuple[str, int]]:
    """All their calls of steps, each with its number among those of its step."""
    found: list[tuple[str, int]] = []
    for function in functions:
        reader = _Reader(vars(sys.modules[function.__module__]))
        reader.read(function)
        for step in reader.found:
            found.append((step, 1 + sum(step == other for other, _ in found)))
    return found
