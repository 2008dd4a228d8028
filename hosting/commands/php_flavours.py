"""What differs between PHP-FPM and HHVM on a server: its unit and programs, and how Apache reaches it (P13).

HHVM is unproven: it is in no archive of Debian 12. Source: the manual of Apache's mod_proxy_fcgi, which tells that a
FastCGI server other than PHP-FPM needs `ProxyFCGIBackendType GENERIC`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hosting.commands.enrolment import PHP_FPM as FPM_SETTINGS
from hosting.commands.services import PHP_FPM
from hosting.policy.flavours import Php

if TYPE_CHECKING:
    from hosting.commands.services import Service
    from hosting.policy.flavours import Flavours
    from hosting.product.layout import InstanceLayout


@dataclass(frozen=True)
class PhpFlavour:
    """One flavour of PHP.

    Args:
        unit: that has to run.
        program: that has to be there.
        service: that loads settings of ours; None where none of ours are loaded.
        files: what enrolment writes for it: path → (content, mode).
    """

    unit: str
    program: str
    service: Service | None = None
    files: tuple[tuple[str, tuple[str, str]], ...] = ()


@dataclass(frozen=True)
class FastCgi:
    """How Apache hands a request on.

    Args:
        handler: the handler of the product's scripts.
        worker: by which Apache's settings of that connection are named.
        is_generic: whether the server at its end takes file names as they are.
    """

    handler: str
    worker: str
    is_generic: bool = False


_FPM_FILES = (("/etc/php/8.2/fpm/pool.d/00-phm-global.conf", (FPM_SETTINGS, "644")),)
PHP_FLAVOURS = {
    Php.FPM: PhpFlavour(PHP_FPM.unit, "php-fpm8.2", PHP_FPM, _FPM_FILES),
    Php.HHVM: PhpFlavour("hhvm", "hhvm"),
}


def fastcgi(flavours: Flavours, layout: InstanceLayout) -> FastCgi:
    """How Apache hands an instance's requests on: to its own pool, or to the server's one HHVM."""
    own = f"fcgi://{layout.user}/"
    if flavours.php is Php.FPM:
        return FastCgi(f"proxy:unix:{layout.socket}|{own}", own)
    if flavours.php_address.startswith("/"):
        return FastCgi(f"proxy:unix:{flavours.php_address}|{own}", own, is_generic=True)
    there = f"fcgi://{flavours.php_address}/"
    return FastCgi(f"proxy:{there}", there, is_generic=True)
