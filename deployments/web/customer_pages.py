"""What all pages for customers share: one look, strict headers, the language, the fields of a form."""

from __future__ import annotations

import base64
import hashlib
import logging
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.responses import HTMLResponse

from deployments.web.bodies import read_body
from hosting.policy.terms import LANGUAGES
from hosting.templates import render

if TYPE_CHECKING:
    from starlette.requests import Request

    from hosting.errors import ServiceError

logger = logging.getLogger("deployments.web")

FORM_MOST_BYTES = 8 * 1024
FIELDS_MOST = 10
LATER_SECONDS = "60"
STYLE = render("pages/page.css")
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def page(
    status: int, language: str, name: str, *, headers: dict[str, str] | None = None, **values: object
) -> HTMLResponse:
    """A page in a language; only its own style sheet is taken."""
    html = render(f"pages/{language}/{name}.html.j2", language=language, **values)
    own = {"Content-Security-Policy": POLICY, "Content-Language": language}
    return HTMLResponse(html, status, own | (headers or {}))


def later(error: ServiceError, language: str, name: str = "try_later", *, expected: bool) -> HTMLResponse:
    """The page that asks for patience; what was not to be expected gets a line in the log."""
    if not expected:
        logger.error("a customer's link could not be served: %s", " ".join(str(error).split()))
    return page(503, language, name, headers={"Retry-After": LATER_SECONDS})


def asked_language(request: Request) -> str:
    """The language that a browser asks for first, of those that we have."""
    for asked in request.headers.get("accept-language", "")[:200].lower().split(","):
        if (language := asked.strip()[:2]) in LANGUAGES:
            return language
    return LANGUAGES[0]


async def form_fields(request: Request) -> dict[str, str]:
    """The form's fields, the first of each name; what can't be read is as if it weren't there.

    Raises:
        Declined: the body is no form, or too large.
    """
    body = await read_body(request, "application/x-www-form-urlencoded", FORM_MOST_BYTES)
    try:
        read = parse_qs(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MOST)
    except ValueError:
        return {}
    return {name: values[0] for name, values in read.items()}
