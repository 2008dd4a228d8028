"""What an instance's site shows and hides: TLS, redirects, headers, cookies, the deny list of phlymail.md section 1."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

import httpx
import pytest

from blocks.loading import load
from blocks.service_settings import ServiceSettings
from tests.service.customer import SESSION, Site, site

if TYPE_CHECKING:
    from tests.service_fixture import Service

    Neighbours = tuple[Site, Site]

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]

CONFIG = (
    "choices.ini.php", "driver.mysql.ini.php", "config.choices.ini.php", "config.allowed_ips.php", "active_handlers.ini.php", "autoupdate.ini.php",
    "current.build", "build.name", "theme.engine", "mime.map.wpop", "dsn_success.phml", "global.fontlist.phml", "calendar.invitemail.tpl", "index.html",
    "forced.signature.wpop", "global.MOTD.wpop", "regmail.admtext.wpop", "regmail.usertext.wpop", "msggw.x.ini.php", "services.pop3d.pid",
)  # fmt: skip
DENIED = (
    *(f"storage/config/{name}" for name in CONFIG),
    "storage/user/1/files/x.html", "storage/user/1/1.eml", "storage/tplcache/x.ser", "storage/temp/x.zip", "storage/filter_scripts/x.php",
    "storage/logging/sql/2026/01/01.log", "storage/autoupdate/x.zip", "storage/update/x.php", "storage/.htaccess",
    "frontend/x.php", "frontend/templates/x.tpl", "frontend/templates/x.html", "frontend/themes/Yokohama/x.tpl", "config/x.php", "config/lib/x.php", "config/templates/x.tpl",
    "config/modules/x.php", "handlers/core/x.php", "handlers/core/description.ini", "handlers/core/x.js.php", "shared/lib/x.php", "shared/drivers/mysql/conf.skel", "shared/messages/de.php",
    "mobile/x.php", "backend/cronjob.php", "backend/x.sh", "installer.php", "install/x.tpl", "runonce.php", "defaults.ini.php", "choices.ini.php", ".htaccess", ".git/config",
    "x.zip", "dump.sql", "phpinfo.php", "frontend/js/x.php", "frontend/img/x.php.jpg/x.php", "config/icons/x.phtml",
)  # fmt: skip
SIGN = "phm-test-sign"


@pytest.fixture(scope="module")
def littered(service: Service, neighbours: Neighbours) -> Site:
    """An instance in which each denied path is really a file that says so, where there was none."""
    mine = neighbours[0]
    script = "".join(
        f'f="{mine.layout.current}/{path}"; d=$(dirname "$f"); '
        f'mkdir -p "$d" && [ ! -d "$f" ] && {{ [ -e "$f" ] || {{ echo "{SIGN}" >"$f"; chmod 644 "$f"; echo "$f" >>/root/littered; }}; }}; '
        for path in DENIED
    )
    service.on(f"rm -f /root/littered; {script} true")
    yield mine
    service.on("xargs -d '\\n' rm -f </root/littered; rm /root/littered")


@pytest.mark.parametrize("path", DENIED)
def test_a_denied_path_is_never_served_though_the_file_is_there(littered: Site, path: str) -> None:
    for form in (
        path,
        path.replace("/", "//", 1),
        path.upper(),
        path.replace("/", "%2f", 1),
        f"./{path}",
        f"{path}/",
        f"frontend/css/../../{path}",
    ):
        answer = littered.ask(form)
        assert (form, answer.status_code) in {(form, 403), (form, 404), (form, 400)}
        assert SIGN not in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PROPFIND", "OPTIONS", "TRACE", "HEAD", "PATCH"])
def test_no_method_opens_a_denied_path(littered: Site, method: str) -> None:
    for path in ("storage/config/driver.mysql.ini.php", "choices.ini.php", "backend/cronjob.php"):
        assert littered.ask(path, method).status_code in {403, 404, 405}


@pytest.mark.parametrize("path", ["", "index.php", "config.php", "m.php", "api.php", "webdav.php/"])
def test_what_is_to_be_shown_is_shown(neighbours: Neighbours, path: str) -> None:
    assert neighbours[0].ask(path).status_code in {200, 401}


def test_the_product_s_styles_and_scripts_are_shown(service: Service, neighbours: Neighbours) -> None:
    mine = neighbours[0]
    kinds = "-name '*.css' -o -name '*.js' -o -name '*.png'"
    found = service.on(f"cd {mine.layout.current} && find frontend {kinds} | head -n 9").split()
    assert found
    assert [path for path in found if mine.ask(path).status_code != 200] == []


def test_a_file_that_a_user_stored_is_given_out_as_nothing_that_runs(neighbours: Neighbours) -> None:
    mine = neighbours[0]
    put = mine.ask(mine.file("anna", "x.html"), "PUT", auth=mine.digest("anna"), content=b"<script>1</script>")
    assert put.is_success
    session = SESSION.search(mine.ask("index.php").text)
    assert session is not None
    login = {"user": "anna", "pass": mine.users["anna"]}
    assert mine.ask(f"index.php?PHPSESSID={session[1]}", "POST", data=login).status_code in {200, 302}
    items = [mine.ask(f"index.php?PHPSESSID={session[1]}&h=files&l=output&i={item}") for item in range(1, 5)]
    given = [answer for answer in items if "content-disposition" in answer.headers]
    assert given
    assert {answer.headers["content-security-policy"] for answer in given} == {"sandbox"}


def test_the_url_without_its_slash_leads_to_the_instance(neighbours: Neighbours) -> None:
    mine = neighbours[0]
    answer = mine.web.ask("GET", mine.url.rstrip("/"))
    assert (answer.status_code, answer.headers["location"]) == (301, mine.url)


@pytest.mark.parametrize(
    "around",
    [
        "../{other}/",
        "%2e%2e/{other}/",
        "index.php/../../{other}/",
        "..%2f{other}/",
        "storage/../../{other}/",
        "webdav.php/../../{other}/",
    ],
)
def test_a_way_around_leads_to_no_neighbour_s_files(neighbours: Neighbours, around: str) -> None:
    mine, other = neighbours
    for path in ("storage/config/driver.mysql.ini.php", "choices.ini.php"):
        assert mine.ask(around.format(other=other.instance.name) + path).status_code in {400, 403, 404}


def test_a_path_of_no_instance_tells_nothing(neighbours: Neighbours) -> None:
    host = neighbours[0].url.rpartition("/")[0].rpartition("/")[0]
    for path in ("/", "/nobody/", "/nobody/config.php", "/server-status", "/icons/", "/phpmyadmin/", "/cgi-bin/"):
        answer = neighbours[0].web.ask("GET", host + path)
        assert answer.status_code in {403, 404}, path
        assert neighbours[0].instance.name not in answer.text.replace(path, "")


@pytest.mark.parametrize("method", ["GET", "POST", "PROPFIND", "PUT", "OPTIONS", "HEAD"])
def test_plain_http_is_a_redirect_and_nothing_else(neighbours: Neighbours, method: str) -> None:
    mine = neighbours[0]
    for path in (
        "",
        "config.php",
        "api.php",
        "webdav.php/anna/files/letter.txt",
        "frontend/css/standin.css",
        "storage/",
        "index.php?a=b&c",
    ):
        answer = mine.web.ask(method, mine.url.replace("https:", "http:", 1) + path)
        assert (answer.status_code, answer.headers["location"]) == (301, mine.url + path)
        assert "set-cookie" not in answer.headers
        assert len(answer.content) < 600


def test_every_answer_holds_a_browser_to_https(neighbours: Neighbours) -> None:
    mine = neighbours[0]
    for path in ("", "config.php", "api.php", "webdav.php/", "storage/", "nothing", "frontend/css/standin.css"):
        headers = mine.ask(path).headers
        assert "max-age=31536000" in headers["strict-transport-security"]
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"


def test_cookies_stay_within_the_instance_s_path(service: Service, neighbours: Neighbours) -> None:
    mine = neighbours[0]
    login = site(service, mine.instance).log_in(service.secret(mine.instance, "root_admin"))
    answers = [login, *(mine.ask(path) for path in ("", "config.php", "m.php", "index.php?x=1"))]
    cookies = [cookie for answer in answers for cookie in answer.headers.get_list("set-cookie")]
    assert cookies
    for cookie in cookies:
        parts = [part.strip().lower() for part in cookie.split(";")[1:]]
        assert sorted(part for part in parts if not part.startswith(("expires=", "max-age="))) == sorted(
            [f"path=/{mine.instance.name}/", "secure", "httponly", "samesite=lax"]
        ), cookie


def test_a_name_that_is_none_of_ours_is_misdirected(service: Service, neighbours: Neighbours) -> None:
    server = service.server(neighbours[0].instance.server_name)
    with httpx.Client(verify=False, trust_env=False) as client:  # noqa: S501  # a name that no certificate covers
        for host in ("other.example", "xapp.phlymail.test", server.address, f"{server.host_name}.evil.example"):
            answer = client.get(
                f"https://{server.address}/{neighbours[0].instance.name}/",
                headers={"Host": host},
                extensions={"sni_hostname": host},
            )
            assert answer.status_code == 421, host
            assert "authform" not in answer.text


@pytest.mark.parametrize(
    ("version", "taken"),
    [
        (ssl.TLSVersion.TLSv1, False),
        (ssl.TLSVersion.TLSv1_1, False),
        (ssl.TLSVersion.TLSv1_2, True),
        (ssl.TLSVersion.TLSv1_3, True),
    ],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_only_tls_of_today_is_spoken(service: Service, version: ssl.TLSVersion, taken: bool) -> None:
    server = service.server()
    context = ssl.create_default_context(cadata=load(ServiceSettings).authorities_pem)
    context.set_ciphers("ALL:@SECLEVEL=0")  # so that it is the server who refuses
    context.minimum_version = context.maximum_version = version
    with socket.create_connection((server.address, 443), 5) as plain:
        if taken:
            with context.wrap_socket(plain, server_hostname=server.host_name) as secure:
                assert secure.version() == version.name.replace("_", ".")
        else:
            with pytest.raises(ssl.SSLError, match="alert protocol version"):
                context.wrap_socket(plain, server_hostname=server.host_name)
