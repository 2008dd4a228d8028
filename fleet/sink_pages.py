"""The page that shows the mails that arrived; their HTML is shown without scripts, forms or anything from outside."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from fleet import mailbox

if TYPE_CHECKING:
    from starlette.requests import Request

    from fleet.mailbox import Mail

NAME = re.compile(r"[0-9T.\-]+")
STYLE = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; form-action 'none'; frame-ancestors 'self'"
SANDBOX = "sandbox allow-popups; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "pages"), autoescape=True, undefined=StrictUndefined
)


@dataclass(frozen=True)
class Pages:
    """The page over one folder of mails."""

    folder: Path

    def routes(self) -> list[Route]:
        """Which address shows what."""
        return [
            Route("/", self.listing),
            Route("/mails.json", self.listing_json),
            Route("/mails/{name}", self.one),
            Route("/mails/{name}/json", self.one_json),
            Route("/mails/{name}/html", self.one_html),
            Route("/mails/{name}/text", self.one_text),
            Route("/mails/{name}/raw", self.one_raw),
        ]

    def wanted(self, request: Request) -> list[Mail]:
        """The mails asked for (`?to=ADDRESS`), the newest first."""
        return mailbox.read_all(self.folder, request.query_params.get("to"))[::-1]

    def found(self, request: Request) -> Mail:
        """The mail named in the address; 404 where there is none."""
        name = request.path_params["name"]
        file = self.folder / f"{name}.eml"
        if not NAME.fullmatch(name) or not file.exists():
            raise HTTPException(404)
        return mailbox.read(file)

    def listing(self, request: Request) -> Response:
        """All mails as a table."""
        return page("mails.html", mails=self.wanted(request))

    def listing_json(self, request: Request) -> Response:
        """All mails for a program."""
        return JSONResponse([as_json(mail) for mail in self.wanted(request)])

    def one(self, request: Request) -> Response:
        """One mail, as a page and as text."""
        return page("mail.html", mail=self.found(request))

    def one_json(self, request: Request) -> Response:
        """One mail for a program."""
        return JSONResponse(as_json(self.found(request)))

    def one_html(self, request: Request) -> Response:
        """One mail's own page, in a sandbox."""
        return HTMLResponse(self.found(request).html, headers={"Content-Security-Policy": SANDBOX})

    def one_text(self, request: Request) -> Response:
        """One mail's text."""
        return PlainTextResponse(self.found(request).text)

    def one_raw(self, request: Request) -> Response:
        """One mail as it came, headers and all."""
        return PlainTextResponse(self.found(request).path.read_bytes())


def application(folder: Path) -> Starlette:
    """The web application over one folder of mails."""
    return Starlette(routes=Pages(folder).routes())


def page(template: str, **values: Any) -> HTMLResponse:
    """One of our own pages."""
    return HTMLResponse(TEMPLATES.get_template(template).render(values), headers={"Content-Security-Policy": STYLE})


def as_json(mail: Mail) -> dict[str, Any]:
    """One mail as a program reads it."""
    return {
        "id": mail.id,
        "from": mail.sender,
        "to": list(mail.recipients),
        "subject": mail.subject,
        "arrived": mail.arrived.isoformat(),
        "text": mail.text,
        "html": mail.html,
    }
