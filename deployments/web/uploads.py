"""Files that a form hands over: of bounded size and number, kept in memory alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import SecretStr
from python_multipart.exceptions import FormParserError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from deployments.web.bodies import read_body
from hosting.policy.certificate_files import MOST_BYTES, MOST_FILES
from hosting.policy.findings import shown

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.requests import Request

UPLOAD_MOST_BYTES = 3 * MOST_BYTES
"""Of a whole form: a certificate, its key and its intermediates at their largest. Below what goes to a file on disk."""

FIELDS_MOST = 4
FIELD_MOST_BYTES = 4 * 1024


class FormUnreadable(Exception):
    """The form came broken, or holds too many parts."""


@dataclass(frozen=True)
class Handed:
    """What a form holds.

    Args:
        files: those that have content or a name, in the form's order.
        names: how they are called there, fit to be shown.
        passphrase: None if the field is empty.
    """

    files: tuple[bytes, ...]
    names: tuple[str, ...]
    passphrase: SecretStr | None


async def read_upload(request: Request) -> Handed:
    """The files of a form and the passphrase beside them.

    Raises:
        Declined: the body is no such form, too large, or too slow.
        FormUnreadable: it is broken; says nothing of what it holds.
    """
    body = await read_body(request, "multipart/form-data", UPLOAD_MOST_BYTES)
    parser = MultiPartParser(
        request.headers, _once(body), max_files=MOST_FILES, max_fields=FIELDS_MOST, max_part_size=FIELD_MOST_BYTES
    )
    try:
        form = await parser.parse()
    except (MultiPartException, FormParserError, ValueError, LookupError):
        raise FormUnreadable from None  # the parser's own words may show a piece of what it read
    files = [one for _, one in form.multi_items() if isinstance(one, UploadFile) and (one.size or one.filename)]
    contents = [await one.read() for one in files]
    passphrase = form.get("passphrase")
    await form.close()
    return Handed(
        tuple(contents),
        tuple(shown(one.filename or "") for one in files),
        SecretStr(passphrase) if isinstance(passphrase, str) and passphrase else None,
    )


async def _once(body: bytes) -> AsyncGenerator[bytes, None]:
    """A body that is there already."""
    yield body
