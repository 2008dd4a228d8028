"""The page that shows the mails that arrived; their HTML is shown without scripts, forms or anything from outside."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from fleet import mailbox
from fleet.mailbox import Mail

NAME = re.compile(r"[0-9T.\-]+")
STYLE = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; form-action 'none'; frame-ancestors 'self'"
SANDBOX = "sandbox allow-popups; default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def application(folder: Path) -> Starlette:
    """The page over one folder of mails."""
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "pages"), autoescape=True, undefined=StrictUndefined
    )

    def found(request: Request) -> Mail:
        name = request.path_params["name"]
        file = folder / f"{name}.eml"
        if not NAME.fullmatch(name) or not file.exists():
            raise HTTPException(404)
        return mailbox.read(file)

    def page(template: str, **values: Any) -> HTMLResponse:
        return HTMLResponse(pages.get_template(template).render(values), headers={"Content-Security-Policy": STYLE})

    def wanted(request: Request) -> list[Mail]:
        return mailbox.read_all(folder, request.query_params.get("to"))[::-1]

    def listing(request: Request) -> Response:
        return page("mails.html", mails=wanted(request))

    def listing_json(request: Request) -> Response:
        return JSONResponse([as_json(mail) for mail in wanted(request)])

    def one(request: Request) -> Response:
        return page("mail.html", mail=found(request))

    def one_json(request: Request) -> Response:
        return JSONResponse(as_json(found(request)))

    def one_html(request: Request) -> Response:
        return HTMLResponse(found(request).html, headers={"Content-Security-Policy": SANDBOX})

    def one_text(request: Request) -> Response:
        return PlainTextResponse(found(request).text)

    def one_raw(request: Request) -> Response:
        return PlainTextResponse(found(request).path.read_bytes())

    routes = [
        Route("/", listing),
        Route("/mails.json", listing_json),
        Route("/mails/{name}", one),
        Route("/mails/{name}/json", one_json),
        Route("/mails/{name}/html", one_html),
        Route("/mails/{name}/text", one_text),
        Route("/mails/{name}/raw", one_raw),
    ]
    return Starlette(routes=routes)


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
