"""A retired server's name on the one that answers under it: HTTPS only, each instance passed on to where it is (P10)."""

from __future__ import annotations

import re

from hosting.templates import render

PAGE = render(
    "apache/standing_in.conf.j2", server="app1", host_name="app1.phlymail.test", authorities="/ca.pem", seconds=320,
    instances=[("k3v9q2", "app2.phlymail.test"), ("wz8c6f", "app3.phlymail.test")],
)  # fmt: skip


def test_it_says_first_what_it_is() -> None:
    assert PAGE.startswith("# The server app1 is retired: this one answers under its name.")


def test_both_doors_have_the_old_name_and_plain_http_only_redirects() -> None:
    assert PAGE.count("ServerName app1.phlymail.test\n") == 2
    plain = PAGE[PAGE.index("<VirtualHost *:80>") : PAGE.index("<VirtualHost *:443>")]
    assert 'Redirect permanent "/" "https://app1.phlymail.test/"' in plain
    assert "ProxyPass" not in plain


def test_each_instance_is_passed_on_to_its_own_server_and_nothing_else_is() -> None:
    passed = re.findall(r'<Location "([^"]*)">.*?ProxyPass "(.*?)" nocanon', PAGE, re.DOTALL)
    assert passed == [
        ("/k3v9q2/", "https://app2.phlymail.test/k3v9q2/"),
        ("/wz8c6f/", "https://app3.phlymail.test/wz8c6f/"),
    ]
    assert PAGE.count("ProxyPass ") == 2


def test_the_next_servers_certificate_is_checked_and_a_circle_ends() -> None:
    for line in (
        "SSLProxyVerify require",
        "SSLProxyCheckPeerName On",
        "SSLProxyCACertificateFile /ca.pem",
        "ProxyMaxForwards 2",
    ):
        assert f"    {line}\n" in PAGE
    assert PAGE.count("Header unset Strict-Transport-Security") == 2
