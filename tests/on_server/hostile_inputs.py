"""The page of hostile inputs, from the tests that refuse them: `python -m tests.on_server.hostile_inputs >docs/hostile-inputs.md`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from hosting.policy import import_rules
from hosting.policy.findings import Rule
from hosting.policy.import_rules import REFUSALS
from hosting.product.poison import RULES
from tests.on_server.test_dump_reader import HOSTILE as DUMPS
from tests.on_server.test_opening import HOSTILE as ARCHIVES
from tests.policy.test_import_source import ELSEWHERE, INNER, TRICKS

if TYPE_CHECKING:
    from collections.abc import Mapping

HEAD = """# Hostile inputs of an import

What is tried against the import in the tests, and the sentence by which each is refused (P33 to P37). Of an archive nothing
is written outside of its folder, and nothing is left behind; the tests look at that with each. No inner address is asked. This
page is written by `python -m tests.on_server.hostile_inputs`, and a test holds it to what is tried.

Beside these, the readers stand what nobody thought of: lawful and hostile inputs of the tests, changed by chance (`make fuzz`).
On 2026-11-27, each reader for 300 s of one core at load 8 to 14, none broke: 4,781 archives, 88,506 exports, 421,445 settings
files, each of those beside PHP itself.
"""
SHOWN = 60
SENTENCES = {rule.code: rule.en for rule in vars(import_rules).values() if isinstance(rule, Rule)}


def cell(text: str) -> str:
    """A text as a table shows it: one line, printable, not too long."""
    shown = "".join(sign if sign.isprintable() else f"\\\\x{ord(sign):02x}" for sign in text).replace("|", "\\|")
    return f"`{shown[:SHOWN]}…`" if len(shown) > SHOWN else f"`{shown}`"


def by_code(inputs: Mapping[str, str]) -> dict[str, list[str]]:
    """Inputs by the code that refuses them."""
    found: dict[str, list[str]] = {}
    for label, code in inputs.items():
        found.setdefault(code, []).append(label)
    return dict(sorted(found.items()))


def table(title: str, inputs: Mapping[str, str], sentences: Mapping[str, str], *, quoted: bool = False) -> list[str]:
    """A section: what is tried, and what is told."""
    lines = [f"## {title} ({len(inputs)})", "", "| refused as | what is tried | what is told |", "| --- | --- | --- |"]
    for code, labels in by_code(inputs).items():
        told = "; ".join(cell(label) if quoted else label for label in labels)
        lines.append(f"| `{code}` | {told} | {sentences[code]} |")
    return [*lines, ""]


def page() -> str:
    """All of it."""
    refusals = {code: rule.en for code, rule in REFUSALS.items()}
    archives = {label: code for label, (code, _) in ARCHIVES.items()}
    dumps = {label: code for label, (code, _) in DUMPS.items()}
    urls = {url: code for url, code in TRICKS.items() if code}
    inner = dict.fromkeys((address for address in INNER if address), "inner_address")
    redirects = dict(ELSEWHERE)
    whole = sum(map(len, (archives, dumps, urls, inner, redirects)))
    codes = {*archives.values(), *dumps.values(), *urls.values(), *redirects.values(), "inner_address"}
    lines = [HEAD, f"{whole} inputs, {len(codes)} sentences.", ""]
    lines += table("Archives", archives, refusals) + table("Exports of a database", dumps, refusals)
    lines += table("URLs", urls, SENTENCES, quoted=True) + table("Addresses", inner, SENTENCES, quoted=True)
    lines += table("Redirects", redirects, SENTENCES, quoted=True)
    lines += ["## Poisoned rows", "", "Not refused: made harmless, counted and told.", ""]
    lines += [f"- `{code}`: {rule.en}" for code, rule in RULES.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
