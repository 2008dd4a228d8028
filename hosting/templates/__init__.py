"""Everything the service writes for others to read, as Jinja2 templates: pages, letters, configuration of servers."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from hosting.templates.wording import day, moment, size


def render(name: str, /, **values: object) -> str:
    """The text of a template, e.g. `render("letters/de/ready.txt.j2", …)`.

    Values are escaped in templates named `….html.j2` and in no other: configuration files are checked by their
    own rules before values come here.

    Args:
        name: the template's path below this folder.
        values: what the template names.

    Raises:
        jinja2.UndefinedError: the template names a value that isn't given.
        jinja2.TemplateNotFound: there is no such template.
    """
    return _environment().get_template(name).render(**values)


def read_all() -> None:
    """Read all templates now, so that no process that is forked from this one has to."""
    for name in _environment().list_templates(extensions=["j2"]):
        _environment().get_template(name)


@cache
def _environment() -> Environment:
    """One environment a process; its templates are read once."""
    environment = Environment(
        loader=PackageLoader(__name__, ""),
        autoescape=select_autoescape(("html.j2",), default_for_string=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["moment"] = moment
    environment.filters["day"] = day
    environment.filters["size"] = size
    return environment
