"""From where an archive may come: no inner address under any name or spelling, no way that anybody can read (P37)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.policy.addresses import is_public, networks
from hosting.policy.import_source import (
    Source,
    check_archive,
    check_sha256,
    check_source,
    choose_address,
    fetch_limits,
    follow,
)
from hosting.policy.terms import GIB, STANDARD

if TYPE_CHECKING:
    import ipaddress

KEY = "SHA256:" + "A" * 43
HOME = Source("https", "files.example.com", 443, "/a.zip")


def code_of(url: str, *, protected: bool = True, host_key: str = "") -> str:
    check = check_source(url, protected=protected, host_key=host_key)
    assert (check.source is None) == bool(check.findings)
    return check.findings[0].code if check.findings else ""


@pytest.mark.parametrize(
    ("url", "as_fetched"),
    [
        ("https://files.example.com/a.zip", "https://files.example.com/a.zip"),
        (" HTTPS://Files.Example.COM./a%20b.zip?x=1#here ", "https://files.example.com/a%20b.zip?x=1"),
        ("https://müller.example:8443/a.zip", "https://xn--mller-kva.example:8443/a.zip"),
        ("https://198.51.101.7/a.zip", "https://198.51.101.7/a.zip"),
        ("https://[2a01:4f8::7]:443/a.zip", "https://[2a01:4f8::7]/a.zip"),
        ("http://files.example.com/a.zip", "http://files.example.com/a.zip"),
        ("ftp://max@files.example.com/a.zip", "ftp://files.example.com/a.zip"),
        ("sftp://max@files.example.com:2222/home/a.zip", "sftp://files.example.com:2222/home/a.zip"),
    ],
)
def test_what_is_offered_is_taken(url: str, as_fetched: str) -> None:
    check = check_source(url, protected=True, host_key=KEY)
    assert check.findings == ()
    assert check.source is not None
    assert check.source.url == as_fetched


ODD = ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0x7f.1", "127.0.1", "017700000001", "0x7f.0x0.0x0.0x1",
       "127.0.0.01", "256.256.256.256", "1.2.3.4.5", "169.254.0xa9fe", "4294967295", "0", "127.0.0.1."]  # fmt: skip
TRICKS = {
    "": "url_missing", "files.example.com/a.zip": "scheme_missing", "files.example.com:8443/a.zip": "scheme_missing", "file:///etc/passwd": "scheme_not_offered",
    "gopher://files.example.com/a": "scheme_not_offered", "data:application/zip;base64,AA": "scheme_not_offered",
    "jar:https://files.example.com/a.zip!/": "scheme_not_offered", "phar://a.zip": "scheme_not_offered",
    "scp://files.example.com/a.zip": "scheme_not_offered", "https:/a.zip": "host_malformed",
    "https://good.example\\@10.0.0.1/a": "url_malformed", "https://a b/c": "url_malformed",
    "https://files.example.com/a\r\nHost: x": "url_malformed", "https://files.example.com/a\tb": "url_malformed",
    "ftp://files.example.com/a%0d%0aDELE b": "url_malformed", "ftp://files.example.com/a%0D%0ADELE": "url_malformed",
    "ftp://a%00b@files.example.com/a": "url_malformed", "https://files.example.com:99999/a": "url_malformed",
    "https://[::1/a": "url_malformed", "https://[v1.x]/a": "url_malformed", "https://exam\u2100ple.com/a": "url_malformed",
    f"https://files.example.com/{'a' * 3000}": "url_malformed", "https://max:geheim@files.example.com/a": "password_in_url",
    "https://:geheim@files.example.com/a": "password_in_url", "https://files.example.com/": "no_file",
    "https://files.example.com": "no_file", "https://files.example.com/%2f": "", "https://files.example.com:25/a": "port",
    "https://files.example.com:22/a": "port", "https://files.example.com:0/a": "port", "http://files.example.com:443/a": "port",
    "https://localhost/a": "inner_name", "https://intranet/a": "inner_name", "https://db.internal/a": "inner_name",
    "https://metadata.google.internal/a": "inner_name", "https://printer.local/a": "inner_name",
    "https://LOCALHOST./a": "inner_name", "https://x.localhost/a": "inner_name", "https://x.onion/a": "inner_name",
    "https://-a.example.com/b": "host_malformed", "https://a..example.com/b": "host_malformed",
    "https://%31%30.0.0.1/a": "odd_address", "https://a%2eb.example/c": "host_malformed",
    "https://\uff11\uff12\uff17.0.0.1/a": "odd_address", "https://①②⑦.0.0.1/a": "odd_address", "https://[fe80::1%25eth0]/a": "odd_address",
    "https://a\u200b.example.com/b": "host_malformed", f"https://{'a.' * 130}example/b": "host_malformed",
    **{f"http://{host}/a": "odd_address" for host in ODD},
}  # fmt: skip


@pytest.mark.parametrize("url", TRICKS)
def test_tricks_with_urls_are_told_by_their_own_sentence(url: str) -> None:
    assert code_of(url) == TRICKS[url]


def test_what_comes_in_clear_needs_a_password_and_sftp_a_key() -> None:
    assert code_of("http://files.example.com/a.zip", protected=False) == "unsecured"
    assert code_of("ftp://files.example.com/a.zip", protected=False) == "unsecured"
    assert code_of("sftp://files.example.com/a.zip", protected=False) == "host_key_missing"
    assert code_of("sftp://files.example.com/a.zip", host_key="MD5:00") == "host_key_missing"
    assert code_of("sftp://files.example.com/a.zip", protected=False, host_key=KEY) == ""


def test_all_that_is_wrong_is_told_at_once() -> None:
    check = check_source("http://u:p@127.1:25/", protected=False)
    assert [f.code for f in check.findings] == ["odd_address", "password_in_url", "unsecured", "port", "no_file"]
    assert all("geheim" not in str(finding) for finding in check.findings)


INNER = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",  # noqa: S104
    "100.64.0.1", "100.100.100.200", "192.0.0.192", "168.63.129.16", "198.18.0.1", "203.0.113.9", "224.0.0.1", "239.1.1.1",
    "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::", "2001::1",
    "2001:db8::1", "3fff::1", "5f00::1", "100::1", "fec0::1", "2001:20::1", "nonsense", "", "127.1", "0x7f.1", "8.8.8.8/32",
]  # fmt: skip


@pytest.mark.parametrize("address", INNER)
def test_no_inner_address_is_public(address: str) -> None:
    assert not is_public(address)
    pinned = choose_address(HOME, ["8.8.8.8", address])
    assert (pinned.address, pinned.finding and pinned.finding.code) == ("", "inner_address")


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "172.32.0.1", "100.128.0.1", "198.20.0.1", "2a01:4f8::1", "2606:4700::1"]
)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)
    assert choose_address(HOME, [address, "9.9.9.9"]).address == address


@given(st.ip_addresses())
def test_what_is_public_to_us_is_global_to_the_standard_library(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if is_public(str(address)):
        assert address.is_global
        assert not address.is_multicast


def test_our_own_servers_are_no_source_and_tests_have_their_own() -> None:
    ours, fleet = networks(["9.9.9.0/24", "2a01:4f8::/32"]), networks(["10.77.0.0/24"])
    assert choose_address(HOME, ["9.9.9.9"], ours=ours).address == ""
    assert choose_address(HOME, ["2a01:4f8::1"], ours=ours).address == ""
    assert choose_address(HOME, ["10.77.0.9"], allowed=fleet).address == "10.77.0.9"
    assert choose_address(HOME, ["10.78.0.9"], allowed=fleet).address == ""


def test_a_name_without_an_address_or_with_a_hundred_leads_nowhere() -> None:
    assert str(choose_address(HOME, []).finding).startswith("There is no address")
    pinned = choose_address(HOME, [f"8.8.8.{n}" for n in range(100)])
    assert pinned.address == ""
    assert str(pinned.finding).startswith("There are more than 32 addresses")  # none of them is told to be an inner one


def test_a_name_that_changes_its_answer_is_decided_on_anew() -> None:
    """The first answer was public; the connection that is gone on with asks again, and goes to what comes out."""
    assert choose_address(HOME, ["8.8.8.8"]).address == "8.8.8.8"
    assert choose_address(HOME, ["127.0.0.1"]).address == ""


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/b.zip", "https://files.example.com/b.zip"),
        ("b.zip?x=1", "https://files.example.com/b.zip?x=1"),
        ("//cdn.example.net/b.zip", "https://cdn.example.net/b.zip"),
        ("https://cdn.example.net/b.zip", "https://cdn.example.net/b.zip"),
    ],
)
def test_redirects_are_followed_within_the_web(location: str, url: str) -> None:
    check = follow(HOME, location, 0, protected=False)
    assert check.source is not None
    assert check.source.url == url


ELSEWHERE = {
    "http://files.example.com/b.zip": "redirected_away", "ftp://files.example.com/b.zip": "redirected_away",
    "file:///etc/passwd": "scheme_not_offered", "https://localhost/b.zip": "inner_name",
    "https://2130706433/b.zip": "odd_address", "https://u:p@files.example.com/b": "password_in_url",
    "https://files.example.com:22/b": "port", "https://[::1": "url_malformed", "\x00": "url_malformed",
}  # fmt: skip


@pytest.mark.parametrize(("location", "code"), ELSEWHERE.items())
def test_redirects_elsewhere_are_not(location: str, code: str) -> None:
    check = follow(HOME, location, 0, protected=True)
    assert [finding.code for finding in check.findings] == [code]


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("ftp://max:s3cret@files.example.com/b.zip?token=s3cret#s3cret", "ftp://files.example.com/b.zip"),
        ("//max:s3cret@files.example.com/b@c", "//files.example.com/b@c"),
        ("max:s3cret@files.example.com/b", "files.example.com/b"),
    ],
)
def test_of_a_redirect_that_is_not_followed_nothing_secret_is_told(location: str, told: str) -> None:
    by_sftp = Source("sftp", "files.example.com", 22, "/a.zip")
    (finding,) = follow(by_sftp, location, 0, protected=True).findings
    assert told in str(finding)
    assert "s3cret" not in str(finding)
    (finding,) = follow(HOME, "http://files.example.com/b?token=s3cret", 0, protected=True).findings
    assert "s3cret" not in str(finding)


def test_redirects_end_and_nobody_else_learns_the_user() -> None:
    assert follow(HOME, "/b", 5, protected=False).findings[0].code == "redirects"
    source = Source("https", "files.example.com", 443, "/a.zip", user="max")
    same, other = (follow(source, target, 0, protected=False).source for target in ("/b", "https://evil.example/b"))
    assert (same and same.user, other and other.user) == ("max", "")
    assert "max" not in repr(source)


def test_what_is_fetched_follows_the_booking() -> None:
    small, large = fetch_limits(5), fetch_limits(500)
    assert (small.bytes, large.bytes) == (5 * GIB, 500 * GIB)
    assert small.seconds < large.seconds <= 48 * 3600


def test_half_a_sum_is_no_sum() -> None:
    assert check_sha256("") == check_sha256("ab" * 32) == ()
    for told in ("ab" * 31, "ab" * 33, "x" * 64, f"{'ab' * 32}old.zip"):
        assert [finding.code for finding in check_sha256(told)] == ["sha256_malformed"]


def test_an_archive_that_is_too_large_or_another_one_is_told() -> None:
    limits, known = fetch_limits(5), "ab" * 32
    assert check_archive(5 * GIB, known, limits, known.upper(), STANDARD) == ()
    assert check_archive(5 * GIB, "", limits, known, STANDARD) == ()
    found = check_archive(5 * GIB + 1, "cd" * 32, limits, known, STANDARD)
    assert [finding.code for finding in found] == ["too_large", "checksum_differs"]
    assert "has 5121 MiB; for your booking at most 5120 MiB" in str(found[0])
