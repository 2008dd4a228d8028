"""An instance's file says its rules once, for the long form and for a name of its own (docs/decisions/0014)."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from hosting.commands import sites
from hosting.policy.states import InstanceState, ServerState
from hosting.policy.values import (
    InstanceFacts,
    InstanceName,
    OrderReference,
    ReleaseFacts,
    ReleaseId,
    ServerFacts,
    ServerName,
)  # fmt: skip
from hosting.product.layout import InstanceLayout
from hosting.templates import render
from tasks.web import site_values

RELEASE = ReleaseFacts(ReleaseId("ab" * 32), 40470, "4.04.70", "free", 1)
AT = datetime(2026, 11, 23, tzinfo=UTC)
INSTANCE = InstanceFacts(
    InstanceName("k3v9q2"), 7, OrderReference("A-1"), ServerName("app1"), RELEASE, 1, 5, InstanceState.ACTIVE, AT
)
SERVER = ServerFacts(
    ServerName("app1"), "app1.phlymail.test", "192.0.2.1", 22, "", "DE", dedicated=True, state=ServerState.ACTIVE,
    room_gib=9,
)  # fmt: skip
SUSPENDED = {"token_sha1": "ab" * 20, "ask": "service@phlymail.test"}
SITES = {
    "open": render("apache/instance.conf.j2", **site_values(SERVER, INSTANCE)),
    "suspended": render("apache/instance.conf.j2", **{**site_values(SERVER, INSTANCE), "suspended": SUSPENDED}),
    "closed": render(
        "apache/closed.conf.j2", name="k3v9q2", host_name="app1.phlymail.test", retry_seconds=5, german="d", english="e"
    ),
    "passed on": render(
        "apache/passed_on.conf.j2", name="k3v9q2", host_name="app1.phlymail.test", target="app2.phlymail.test",
        authorities="/ca.pem", seconds=30,
    ),
}  # fmt: skip
DOES = {"open": (True, ""), "suspended": (True, ""), "closed": (False, ""), "passed on": (False, "app2.phlymail.test")}
NAME = {"name": "k3v9q2", "certificate": "/c.pem", "key": "/c.key", "authorities": "/ca.pem", "seconds": 30}
RULES = re.compile(r"<Macro phm-k3v9q2 %path%>\n(.*)</Macro>\n", re.DOTALL)


@pytest.mark.parametrize("site", SITES)
def test_a_move_reads_in_each_file_who_serves(site: str) -> None:
    assert (sites.serves(SITES[site]), sites.passed_on_to(SITES[site])) == DOES[site]
    assert (sites.serves(""), sites.passed_on_to("")) == (False, "")


@pytest.mark.parametrize("site", SITES)
def test_each_file_begins_with_what_it_is(site: str) -> None:
    first = SITES[site].split("\n", 1)[0]
    assert first.startswith("# Instance k3v9q2 ")
    assert {
        "open": "of order A-1",
        "suspended": "of order A-1",
        "closed": "is closed",
        "passed on": "has moved to app2",
    }[site] in first


@pytest.mark.parametrize("site", SITES)
def test_the_rules_are_defined_once_and_used_for_the_long_form(site: str) -> None:
    text = SITES[site]
    assert len(RULES.findall(text)) == 1
    assert text.count("\nDefine phm-k3v9q2\n") == 1
    assert re.findall(r"^\s*Use .*$", text, re.MULTILINE) == ['Use phm-k3v9q2 "/k3v9q2/"']
    assert 'RedirectMatch permanent "^/k3v9q2$" "https://app1.phlymail.test/k3v9q2/"' in text


@pytest.mark.parametrize("site", SITES)
def test_the_rules_know_no_path_but_the_one_that_they_are_used_with(site: str) -> None:
    (rules,) = RULES.findall(SITES[site])
    assert "%path%" in rules
    assert "app1.phlymail.test" not in rules
    without_files = re.sub(
        r'"/srv/[^"]*"|\'/srv/[^\']*\'|%\{file:/srv/[^}]*\}|unix:[^|]*\|fcgi://[^/]*/|"fcgi://[^"]*"', "", rules
    )
    assert "k3v9q2" not in re.sub(r"^\s*#.*$", "", without_files, flags=re.MULTILINE)


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("path", ["/", "/k3v9q2/"])
def test_with_either_path_every_rule_is_about_places_below_it(site: str, path: str) -> None:
    (rules,) = RULES.findall(SITES[site])
    used = rules.replace("%path%", path)
    places = re.findall(r'<(?:Location|LocationMatch) "(?:\(\?i\))?\^?([^"(]*)', used)
    assert places
    assert set(places) == {path}
    for pattern in re.findall(r'<LocationMatch "([^"]*)"', used):
        compiled = re.compile(pattern)
        assert not compiled.search("/storage/config/choices.ini.php")
        assert not compiled.search(f"{path}storage/config/choices.ini.php")


def test_a_name_has_a_host_of_its_own_that_uses_the_instance_s_rules_at_its_root() -> None:
    text = render("apache/name.conf.j2", **NAME, host="xn--bcher-kva.phlymail.test", passed_on="")
    assert text.count("ServerName xn--bcher-kva.phlymail.test\n") == 2
    assert 'Use phm-k3v9q2 "/"' in text
    assert 'Redirect permanent "/" "https://xn--bcher-kva.phlymail.test/"' in text
    assert re.search(r'<IfDefine !phm-k3v9q2>\s*Redirect 421 "/"\s*</IfDefine>', text)
    assert "includeSubDomains" not in text


def test_a_domain_is_passed_on_where_a_server_stands_in_that_has_no_rules_for_the_instance() -> None:
    text = render("apache/name.conf.j2", **NAME, host="post.example", passed_on="app3.phlymail.test")
    (passed,) = re.findall(r"<IfDefine !phm-k3v9q2>\n(.*)    </IfDefine>", text, re.DOTALL)
    assert 'ProxyPass "https://app3.phlymail.test/" nocanon' in passed
    for line in ("SSLProxyVerify require", "SSLProxyCACertificateFile /ca.pem", "ProxyMaxForwards 2"):
        assert f"\n{line}\n" in passed
    assert "421" not in text
    assert "    ProxyPreserveHost On\n" in text
    assert re.search(r'<IfDefine phm-k3v9q2>\s*Use phm-k3v9q2 "/"\s*</IfDefine>', text)


def test_names_come_after_the_hosts_that_answer_who_comes_for_none_of_ours() -> None:
    text = render("apache/server.conf.j2", host_name="app1.phlymail.test")
    hosts = re.findall(r"<VirtualHost \*:(\d+)>\s*ServerName (\S+)", text)
    assert hosts == [
        ("80", "default.invalid"), ("80", "app1.phlymail.test"), ("443", "default.invalid"), ("443", "app1.phlymail.test"),
    ]  # fmt: skip
    assert text.count('Redirect 421 "/"') == 2
    assert text.index("phm/instances/*.conf") < text.index("phm/names/*.conf")


@pytest.mark.parametrize("site", ["open", "closed"])
def test_the_page_of_a_closed_instance_is_read_as_what_it_is_written_in(site: str) -> None:
    """Apache says ISO 8859-1 of its own pages, whatever they say themselves."""
    assert 'Header always set Content-Type "text/html; charset=utf-8"' in SITES[site]


def test_while_it_is_updated_the_page_says_until_when() -> None:
    gate = InstanceLayout.of(INSTANCE).gate
    assert f"voraussichtlich bis %{{file:{gate}/until}} Uhr." in SITES["open"]
    assert f"until about %{{file:{gate}/until}} (Berlin time)." in SITES["open"]


def test_a_suspended_site_lets_in_who_shows_what_hashes_to_its_sum_and_says_whom_to_ask() -> None:
    added = set(SITES["suspended"].splitlines()) - set(SITES["open"].splitlines())
    [gate] = [line.strip() for line in added if "<If " in line]
    assert gate == f"""<If "sha1(%{{HTTP:X-Phm-Gate}}) != '{"ab" * 20}'">"""
    assert any("This phlyMail is suspended" in line and "service@phlymail.test" in line for line in added)
    assert not set(SITES["open"].splitlines()) - set(SITES["suspended"].splitlines())  # all else holds as before
