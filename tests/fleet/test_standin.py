"""The stand-in keeps the product's contract (phlymail.md): what our flows may do to it, and the traps it must have."""

from __future__ import annotations

import hashlib
import zipfile
from typing import TYPE_CHECKING

import httpx
import pytest

from fleet.errors import FleetError
from fleet.release import main, pack_release, release_files
from tests.fleet.standin_server import ADMIN, Instance, Visitor, mariadb, require_programs
from tests.service.mail_provider import mail_provider

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TABLES = 56
PERMISSIONS = 77
ONLINE = "[core]\nonline_status = 1\n[auth]\nwaitonfail = 1"


def test_the_same_source_packs_to_the_same_archive(tmp_path: Path) -> None:
    first, second = pack_release(tmp_path / "a.zip"), pack_release(tmp_path / "b.zip")
    assert first.read_bytes() == second.read_bytes()
    assert zipfile.ZipFile(first).testzip() is None


def test_a_release_bears_the_version_markers_and_the_folders_of_the_product() -> None:
    files = release_files("40471")
    assert files["storage/config/current.build"] == b"40471"
    assert files["storage/config/build.name"].startswith(b"phlyMail Free")
    assert files["storage/config/theme.engine"] == b"412"
    wanted = ["index.php", "config.php", "m.php", "api.php", "webdav.php", "installer.php", "runonce.php", "defaults.ini.php",
              "choices.ini.php", "backend/.htaccess", "backend/cronjob.php", "storage/.htaccess", "shared/messages/sk.php",
              "handlers/rss/description.ini", "storage/config/autoupdate.ini.php", "install/installer.tpl"]  # fmt: skip
    assert set(wanted) <= set(files)
    assert all(files[name] == b"deny from all\n" for name in files if name.endswith(".htaccess"))


def test_every_include_is_guarded_against_a_direct_call() -> None:
    entries = {"index.php", "config.php", "m.php", "api.php", "webdav.php", "installer.php", "backend/cronjob.php"}
    for name, content in release_files().items():
        if name.endswith(".php") and not name.endswith(".ini.php") and name not in entries:
            assert b"defined('_IN_PHM_') || exit;" in content, name
        if name.endswith(".ini.php"):
            assert content.startswith(b";<?php die(); ?>\n"), name


def test_an_unknown_build_is_refused_with_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(FleetError, match="39999 is no build"):
        release_files("39999")
    assert main([str(tmp_path / "x.zip"), "--build", "4047x"]) == 1
    assert "4047x is no build of the stand-in." in capsys.readouterr().err


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    require_programs()
    with mariadb(tmp_path_factory.mktemp("db")) as sock:
        yield sock


@pytest.fixture
def bare(database: Path, tmp_path: Path) -> Iterator[Instance]:
    """Unpacked, not yet installed."""
    name = "i" + hashlib.md5(str(tmp_path).encode(), usedforsecurity=False).hexdigest()[:12]
    instance = Instance(tmp_path, database, name)
    instance.start()
    yield instance
    assert instance.server
    instance.server.terminate()
    instance.server.wait(20)


@pytest.fixture
def instance(bare: Instance) -> Instance:
    """Installed and online."""
    assert bare.install().text.count("SUCCESS") == 2
    httpx.get(f"{bare.url}/config.php")
    bare.settings(ONLINE)
    return bare


@pytest.fixture
def admin(instance: Instance) -> Visitor:
    visitor = instance.visitor()
    assert visitor.log_in("config.php", *ADMIN).status_code == 302
    return visitor


def count(instance: Instance, table: str, where: str = "1") -> int:
    return int(str(instance.sql(f"SELECT COUNT(*) AS n FROM phlymail_{table} WHERE {where}")[0]["n"]))


@pytest.mark.fleet
class TestInstalling:
    def test_an_installation_makes_all_tables_and_removes_the_installer(self, bare: Instance) -> None:
        answer = bare.install()
        assert (answer.status_code, answer.text.count("SUCCESS")) == (200, 2)
        assert len(bare.sql("SHOW TABLES")) == TABLES
        assert not (bare.code / "installer.php").exists()
        assert not (bare.code / "install").exists()
        assert (count(bare, "core_crontab"), count(bare, "sendto_handler"), count(bare, "user")) == (5, 9, 0)
        assert (bare.code / "choices.ini.php").is_symlink()

    def test_runonce_is_gone_after_the_first_call_of_config_and_changes_nothing(self, bare: Instance) -> None:
        bare.install()
        before = [bare.sql(f"SHOW CREATE TABLE {next(iter(row.values()))}") for row in bare.sql("SHOW TABLES")]
        salt = bare.salt
        assert (bare.code / "runonce.php").exists()
        assert httpx.get(f"{bare.url}/config.php").status_code == 200
        assert not (bare.code / "runonce.php").exists()
        after = [bare.sql(f"SHOW CREATE TABLE {next(iter(row.values()))}") for row in bare.sql("SHOW TABLES")]
        assert before == after
        assert (count(bare, "core_crontab"), count(bare, "sendto_handler"), bare.salt) == (5, 9, salt)

    def test_a_wrong_database_gives_500_with_nothing_and_the_right_one_works_then(self, bare: Instance) -> None:
        answer = bare.install(database="elsewhere")
        assert (answer.status_code, answer.text) == (500, "")
        assert bare.install().text.count("SUCCESS") == 2

    def test_a_storage_that_is_missing_gives_200_and_a_sentence(self, bare: Instance) -> None:
        (bare.data / "storage").rename(bare.data / "away")
        answer = bare.install()
        assert (answer.status_code, answer.text) == (200, "Old configuration file not found")

    def test_a_prefix_in_use_gets_a_second_superadmin_and_a_new_salt(self, instance: Instance) -> None:
        salt = instance.salt
        instance.put_code(instance.build)
        assert instance.install(admin="other").status_code == 200
        assert count(instance, "admin", "is_root='yes'") == 2
        assert instance.salt != salt
        instance.settings(ONLINE)
        assert instance.visitor().log_in("config.php", *ADMIN).status_code == 200

    def test_includes_say_nothing_when_called_directly(self, instance: Instance) -> None:
        for path in (
            "shared/lib/Users.php",
            "shared/start.php",
            "config/login.php",
            "choices.ini.php",
            "defaults.ini.php",
        ):
            assert httpx.get(f"{instance.url}/{path}").text.strip() in {"", ";"}, path


@pytest.mark.fleet
class TestConfig:
    def test_a_default_group_gets_all_permissions_and_all_users(self, instance: Instance, admin: Visitor) -> None:
        admin.add_user("alice")
        assert admin.get("config.php", "action=home&fixgroups=1").status_code == 302
        assert count(instance, "group_permissions", "perm='1'") == PERMISSIONS
        assert count(instance, "user_group", "uid=1 AND gid=1") == 1

    def test_a_user_is_added_locked_unlocked_and_deleted(self, instance: Instance, admin: Visitor) -> None:
        answer = admin.add_user("alice")
        assert answer.headers["location"].endswith("whattodo=edituser&uid=1")
        stored = instance.sql("SELECT pw_digesta1 FROM phlymail_user")[0]["pw_digesta1"]
        assert stored == hashlib.md5(f"alice:{instance.salt}:pw1".encode(), usedforsecurity=False).hexdigest()
        home = instance.data / "storage/user/1"
        assert {path.name for path in (home / "email").iterdir()} >= {"inbox", "sent", "waste", "archive"}
        assert "err" in admin.add_user("alice").text
        admin.get("config.php", "action=users&whattodo=inactive&uid=1")
        assert count(instance, "user", "active='0'") == 1
        admin.get("config.php", "action=users&whattodo=active&uid=1")
        instance.sql("INSERT INTO phlymail_calendar_events SET uid=1, title='stays'")
        admin.get("config.php", "action=users&whattodo=deleuser&uid=1&really=yeahyeah")
        assert (count(instance, "user"), count(instance, "email_folders"), count(instance, "adb_adr")) == (0, 0, 0)
        assert count(instance, "calendar_events") == 1
        assert not home.exists()

    def test_saving_a_user_without_groups_takes_him_out_of_all(self, instance: Instance, admin: Visitor) -> None:
        admin.get("config.php", "action=home&fixgroups=1")
        admin.add_user("alice", **{"groups[]": "1"})
        form: dict[str, str | list[str]] = {"PHM[active]": "1", "PHM[password]": "", "PHM[password2]": ""}
        before = instance.sql("SELECT pw_digesta1 FROM phlymail_user")
        admin.post("config.php", "action=users&whattodo=saveolduser&uid=1", form)
        assert count(instance, "user_group") == 0
        assert instance.sql("SELECT pw_digesta1 FROM phlymail_user") == before

    def test_advanced_saves_into_storage_and_blanks_what_is_missing(self, instance: Instance, admin: Visitor) -> None:
        admin.post("config.php", "action=advanced&whattodo=save", {"WP_isonline": "0", "WP_newsmtphost": "relay"})
        text = (instance.data / "storage/config/choices.ini.php").read_text()
        assert "online_status = 0" in text
        assert 'fix_smtp_host = "relay"' in text
        assert "fix_smtp_user = \n" in text
        assert httpx.get(f"{instance.url}/api.php").status_code == 503

    def test_groups_and_quotas_are_set_by_their_fields(self, instance: Instance, admin: Visitor) -> None:
        admin.post("config.php", "action=groups&do=add", {"name": "team", "childof": "0"})
        answer = admin.post("config.php", "action=groups&do=set_gperm&gid=1", {"p[email_see_emails]": "1"})
        assert answer.json() == {"set_gperm": 1}
        admin.post("config.php", "action=quotas&whattodo=save", {"crit[files][size_storage]": "2"})
        assert instance.sql("SELECT uid, setting FROM phlymail_user_quota") == [{"uid": 0, "setting": "2097152"}]

    def test_an_administrator_who_is_not_root_sees_only_his_screens(self, instance: Instance, admin: Visitor) -> None:
        form: dict[str, str | list[str]] = {
            "PHM[username]": "chef", "PHM[password]": "x1", "PHM[password2]": "x1", "PHM[active]": "1",
            "read[]": ["users_"], "write[]": ["users_"],
        }  # fmt: skip
        assert admin.post("config.php", "action=config.users&whattodo=savenew", form).status_code == 302
        chef = instance.visitor()
        assert chef.log_in("config.php", "chef", "x1").status_code == 302
        assert chef.add_user("bob").status_code == 302
        assert "keinen Zugriff" in chef.get("config.php", "action=advanced").text

    def test_a_digest_logs_in_like_the_password_and_a_failure_is_counted(self, instance: Instance) -> None:
        hint = httpx.get(f"{instance.url}/config.php?give_otp=1&un=root").json()
        assert hint == {"method": "digest", "otp": instance.salt}
        digest = hashlib.md5(f"root:{instance.salt}:rootpw1".encode(), usedforsecurity=False).hexdigest()
        assert instance.visitor().log_in("config.php", "root", "", digest=digest).status_code == 302
        assert instance.visitor().log_in("config.php", "root", "wrong").status_code == 200
        assert count(instance, "admin", "fail_count=1") == 1

    def test_a_session_without_its_cookie_is_sent_away(self, instance: Instance, admin: Visitor) -> None:
        thief = Visitor(httpx.Client(base_url=instance.url), admin.session)
        assert thief.get("config.php", "action=users").status_code == 302


@pytest.mark.fleet
class TestInterfaces:
    @pytest.fixture(autouse=True)
    def _user(self, admin: Visitor) -> None:
        admin.add_user("alice")

    def test_the_api_says_401_online_503_offline_500_without_database(self, instance: Instance) -> None:
        url = f"{instance.url}/api.php"
        assert httpx.get(url).status_code == 401
        assert httpx.get(url, auth=("alice", "pw1")).status_code == 400
        instance.settings("[core]\nonline_status = 0")
        assert httpx.get(url).status_code == 503
        driver = instance.data / "storage/config/driver.mysql.ini.php"
        driver.write_text(driver.read_text().replace(f'"{instance.name}"', '"gone"'))
        assert httpx.get(url).status_code == 500
        driver.unlink()
        assert httpx.get(f"{instance.url}/index.php").text == "Old configuration file not found"

    def test_the_api_exports_contacts_events_and_mails(self, instance: Instance) -> None:
        instance.sql("INSERT INTO phlymail_adb_adr SET owner=1, firstname='Zoë', lastname='B', email1='z@example.test'")
        instance.sql("INSERT INTO phlymail_calendar_events SET uid=1, gid=7, title='Tea', starts=NOW(), ends=NOW()")
        with httpx.Client(base_url=instance.url, auth=("alice", "pw1")) as api:
            assert "FN:Zoë B" in api.get("/api.php?h=contacts&f=VCF").text
            assert "SUMMARY:Tea" in api.get("/api.php?h=calendar&f=ICS&g=7").text
            assert api.get("/api.php?h=calendar&f=ICS").status_code == 500
            assert "<rss" in api.get("/api.php?h=email").text

    def test_four_wrong_passwords_lock_the_api(self, instance: Instance) -> None:
        for _ in range(3):
            assert httpx.get(f"{instance.url}/api.php", auth=("alice", "no")).text == "Username or password wrong"
        assert httpx.get(f"{instance.url}/api.php", auth=("alice", "pw1")).text == "Too many failed logins"

    def test_webdav_keeps_files_under_names_of_its_own(self, instance: Instance) -> None:
        with httpx.Client(
            base_url=f"{instance.url}/webdav.php/alice/files", auth=httpx.DigestAuth("alice", "pw1")
        ) as dav:
            assert dav.request("MKCOL", "/box").status_code == 201
            assert dav.put("/box/über.txt", content=b"hello").status_code == 201
            assert dav.put("/box/über.txt", content=b"hello again").status_code == 200
            assert dav.get("/box/über.txt").content == b"hello again"
            listing = dav.request("PROPFIND", "/box", headers={"Depth": "1"})
            assert listing.status_code == 207
            assert "%C3%BCber.txt" in listing.text
            row = instance.sql("SELECT * FROM phlymail_files_index")[0]
            folder = instance.sql("SELECT * FROM phlymail_files_folders WHERE friendly_name='box'")[0]
            stored = instance.data / f"storage/user/1/files/{folder['folder_path']}/{row['file_name']}"
            assert stored.read_bytes() == b"hello again"
            assert (row["friendly_name"], folder["filesize"]) == ("über.txt", 11)
            assert dav.delete("/box/über.txt").status_code == 204
            assert dav.get("/box/über.txt").status_code == 404

    def test_webdav_takes_the_salt_as_realm_and_inactive_users_too(self, instance: Instance) -> None:
        challenge = httpx.request("PROPFIND", f"{instance.url}/webdav.php/alice/files/")
        assert challenge.status_code == 401
        assert f'realm="{instance.salt}",qop="auth"' in challenge.headers["www-authenticate"]
        instance.sql("UPDATE phlymail_user SET active='0'")
        url = f"{instance.url}/webdav.php/alice/files/"
        assert httpx.request("PROPFIND", url, auth=httpx.DigestAuth("alice", "pw1")).status_code == 207
        assert httpx.request("PROPFIND", url, auth=httpx.DigestAuth("alice", "no")).status_code == 403

    def test_a_user_reads_a_mail_and_a_file_and_goes_on_when_offline(self, instance: Instance) -> None:
        inbox = instance.data / "storage/user/1/email/inbox"
        (inbox / "m1").write_bytes(b"Subject: Hi\r\n\r\nthe text of it\r\n")
        instance.sql(
            "INSERT INTO phlymail_email_index SET folder_id=2, uid=1, uidl='m1', hsubject='Hi', hdate_sent=NOW()"
        )
        httpx.put(f"{instance.url}/webdav.php/alice/files/a.txt", content=b"A", auth=httpx.DigestAuth("alice", "pw1"))
        for script in ("index.php", "m.php"):
            instance.settings(ONLINE)
            alice = instance.visitor()
            assert alice.log_in(script, "alice", "pw1").status_code == 302
            instance.settings("[core]\nonline_status = 0")
            assert "Hi" in alice.get(script).text
            assert "the text of it" in alice.get(script, "h=email&l=read&i=1").text
            raw = alice.get(script, "h=email&l=read&i=1&save_as=raw")
            assert raw.content == b"Subject: Hi\r\n\r\nthe text of it\r\n"
            assert alice.get(script, "h=files&l=output&i=1").content == b"A"
        refused = instance.visitor().log_in("index.php", "alice", "pw1")
        assert "offline" in refused.text
        assert "error" in httpx.get(f"{instance.url}/index.php?give_otp=1&un=alice").json()

    def test_an_old_md5_password_becomes_a_digest_at_the_first_login(self, instance: Instance) -> None:
        instance.sql("UPDATE phlymail_user SET pw_digesta1='', password=MD5('old')")
        dav = f"{instance.url}/webdav.php/alice/files/"
        assert httpx.request("PROPFIND", dav, auth=httpx.DigestAuth("alice", "old")).status_code == 403
        assert instance.visitor().log_in("index.php", "alice", "old").status_code == 302
        assert count(instance, "user", "password='' AND pw_digesta1<>''") == 1
        assert httpx.request("PROPFIND", dav, auth=httpx.DigestAuth("alice", "old")).status_code == 207

    def test_the_settings_of_storage_win_even_where_they_break_the_instance(self, instance: Instance) -> None:
        for text in ("[path]\nlib = /etc", "[core]\nlanguage = xx"):
            instance.settings(text)
            assert httpx.get(f"{instance.url}/index.php").status_code == 500
        instance.settings("[auth]\nforce_ssl = 1")
        assert httpx.get(f"{instance.url}/api.php").status_code == 301

    def test_the_hoster_s_hook_stops_bookmarks(self, instance: Instance) -> None:
        alice = instance.visitor()
        alice.log_in("index.php", "alice", "pw1")
        query = "h=bookmarks&l=edit_bookmark&name=x&url=https://example.test/"
        alice.get("index.php", query)
        (instance.code / "shared/lib/SystemProvisioning.php").write_text(
            "<?php class SystemProvisioning { static function get($w) { return 5; } static function getUsage($w) { return 5; } }"
        )
        alice.get("index.php", query)
        assert count(instance, "bookmarks_item") == 1


@pytest.mark.fleet
class TestBackground:
    def test_the_cron_master_runs_what_is_due_and_says_nothing(self, instance: Instance) -> None:
        done = instance.cron()
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert count(instance, "core_crontab", "laststart IS NOT NULL AND laststop IS NOT NULL AND pid IS NULL") == 5
        stamps = instance.sql("SELECT laststart FROM phlymail_core_crontab WHERE job='cleanupfs'")
        instance.sql(
            "UPDATE phlymail_core_crontab SET laststart=laststart-INTERVAL 2 MINUTE WHERE job='externalalerts'"
        )
        instance.cron()
        assert instance.sql("SELECT laststart FROM phlymail_core_crontab WHERE job='cleanupfs'") == stamps
        assert count(instance, "core_crontab", "laststart > NOW() - INTERVAL 30 SECOND AND job='externalalerts'") == 1

    def test_cleanupfs_takes_the_folders_of_users_without_a_row(self, instance: Instance, admin: Visitor) -> None:
        admin.add_user("alice")
        (instance.data / "storage/user/99/email/inbox").mkdir(parents=True)
        instance.cron()
        assert {path.name for path in (instance.data / "storage/user").iterdir()} == {"1"}

    def test_mail_is_fetched_and_stays_at_its_provider_while_the_hoster_s_hook_says_full(
        self, instance: Instance, admin: Visitor
    ) -> None:
        admin.add_user("alice")
        inbox, hook = instance.data / "storage/user/1/email/inbox", instance.code / "shared/lib/SystemProvisioning.php"
        with mail_provider("127.0.0.1") as provider:
            instance.sql(provider.account(1))
            instance.sql(
                "INSERT INTO phlymail_core_crontab (handler, job, item, `interval`) "
                "SELECT 'email', 'fetchmails', id, 0 FROM phlymail_profiles"
            )
            first, second = (f"Subject: {word}\r\n\r\n.a line\r\n".encode() for word in ("one", "two"))
            provider.waiting = [first]
            instance.cron()
            assert provider.waiting == []
            assert [file.read_bytes() for file in inbox.iterdir()] == [first]
            provider.waiting = [second]
            hook.write_text(
                "<?php class SystemProvisioning { static function get($w) { return 5; } "
                "static function getUsage($w) { return 5; } }"
            )
            instance.cron()
            assert provider.waiting == [second]
            hook.unlink()
            instance.cron()
            assert provider.waiting == []
        assert sorted(file.read_bytes() for file in inbox.iterdir()) == sorted([first, second])
        assert [row["hsubject"] for row in instance.sql("SELECT * FROM phlymail_email_index ORDER BY idx")] == [
            "one",
            "two",
        ]

    def test_a_next_build_brings_its_column_and_keeps_everything_else(self, instance: Instance, admin: Visitor) -> None:
        admin.add_user("alice")
        salt = instance.salt
        instance.put_code("40471")
        (instance.code / "installer.php").unlink()
        assert httpx.get(f"{instance.url}/config.php").status_code == 200
        assert not (instance.code / "runonce.php").exists()
        assert instance.sql("SHOW COLUMNS FROM phlymail_user LIKE 'standin_note'")
        assert (count(instance, "user"), instance.salt) == (1, salt)
        assert "4.04.71" in admin.get("config.php", "action=home").text
