"""What counts as proven."""

from __future__ import annotations

import pytest

from hosting.product.proof import HIDDEN, SHOWN, Expected, differs


@pytest.mark.parametrize(
    ("expected", "status", "body", "sentence"),
    [
        (Expected("", (200,), "form"), 200, "<form>", ""),
        (Expected("", (200,), "form"), 200, "It works!", "/ answers 200 without form"),
        (Expected("api.php", (401,)), 503, "", "/api.php answers 503 instead of 401"),
        (Expected("storage/", (403, 404)), 200, "", "/storage/ answers 200 instead of 403 or 404"),
        (Expected("storage/", (403, 404)), 404, "", ""),
    ],
)
def test_what_is_wrong_is_one_clause(expected: Expected, status: int, body: str, sentence: str) -> None:
    assert differs(expected, status, body) == sentence


def test_a_redirect_proves_nothing() -> None:
    assert [one for one in (*SHOWN, *HIDDEN) if not differs(one, 301, "")] == []


def test_settings_storage_code_and_installer_are_asked_for() -> None:
    paths = {one.path for one in HIDDEN}
    assert {
        "storage/config/driver.mysql.ini.php",
        "choices.ini.php",
        "installer.php",
        "runonce.php",
        "backend/cronjob.php",
    } <= paths
