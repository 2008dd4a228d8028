"""A server's word on its packages, read as values."""

from __future__ import annotations

from hosting.commands import packages
from hosting.policy.server_updates import Change

TOLD = """\
distribution=debian 12
kernel=6.1.0-37-amd64
kernel_installed=6.1.0-40-amd64
reboot_required=yes
boot=0b0c
up=  86400
held=linux-image-amd64
package=ii  apache2 2.4.65-1~deb12u1
package=hi  linux-image-amd64 6.1.148-1
package=rc  php7.4-fpm 7.4.33-1
package=iF  php8.2-fpm 8.2.29-1~deb12u1
package=un  php-fpm
stale=apache2.service
stale=init.scope
"""

# As Debian 12 tells it, with what is told around it.
PREVIEW = """\
Reading package lists...
The following packages will be REMOVED:
  libold1
The following packages have been kept back:
  linux-image-amd64
  systemd
The following packages will be upgraded:
  libssl3 php8.2-fpm
Remv libold1 [1.0]
Inst php8.2-fpm [8.2.28-1~deb12u1] (8.2.29-1~deb12u1 Debian:12.12/oldstable, Debian-Security:12/oldstable-security [amd64])
Inst libssl3 [3.0.16-1~deb12u1] (3.0.17-1~deb12u2 Debian:12.12/oldstable [amd64]) []
Inst libnew2:i386 (2.0-1 Debian:12.12/oldstable [i386])
Conf libssl3 (3.0.17-1~deb12u2 Debian:12.12/oldstable [amd64])
"""


def test_facts_are_read_from_one_answer() -> None:
    facts = packages.parse_system(TOLD)
    assert (facts.distribution, facts.kernel, facts.kernel_installed) == (
        "debian 12", "6.1.0-37-amd64", "6.1.0-40-amd64",
    )  # fmt: skip
    assert facts.reboot_required
    assert (facts.boot, facts.up_seconds) == ("0b0c", 86400)
    assert facts.packages == {"apache2": "2.4.65-1~deb12u1", "linux-image-amd64": "6.1.148-1"}
    assert (facts.held, facts.half_done) == ({"linux-image-amd64"}, ("php8.2-fpm",))
    assert facts.stale_units == ("apache2.service", "init.scope")
    assert not packages.parse_system("distribution=debian 12\nkernel=6.1\nkernel_installed=\nboot=b").reboot_required


def test_a_preview_is_read_to_the_last_word() -> None:
    found = packages.parse_transaction(PREVIEW)
    assert found.changes == (
        Change("php8.2-fpm", "8.2.28-1~deb12u1", "8.2.29-1~deb12u1", (
            "Debian:12.12/oldstable", "Debian-Security:12/oldstable-security",
        )),
        Change("libssl3", "3.0.16-1~deb12u1", "3.0.17-1~deb12u2", ("Debian:12.12/oldstable",)),
        Change("libnew2:i386", "", "2.0-1", ("Debian:12.12/oldstable",)),
    )  # fmt: skip
    assert (found.removals, found.kept_back) == (("libold1",), ("linux-image-amd64", "systemd"))
    assert [one.is_security for one in found.changes] == [True, False, False]
    assert packages.parse_transaction("0 upgraded, 0 newly installed").is_empty


def test_units_that_do_not_run_are_named() -> None:
    assert packages.parse_units("apache2=failed\ncron=active\n") == {"apache2": "apache2 is failed.", "cron": ""}
