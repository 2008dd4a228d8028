"""Old installations of both editions and series, made up from phlymail.md sections 1, 3, 4 and 8 alone.

Whoever changes the importer doesn't change this file to fit; it says how such installations are, not how they are read.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import tarfile
import zipfile
from dataclasses import dataclass, field

SALT = "4f2c81a9b3d07"
DIE = ";<?php die(); ?>"
NAMES = ["anna", "björn", "Çağla", "o'neil", "müller-lüdenscheidt"]

COMMON = {
    "user": "`uid` bigint(20) NOT NULL auto_increment, `gid` int(11) NOT NULL default '0', `username` varbinary(64) NOT NULL default '', `password` varchar(64) NOT NULL default '', {digest} `externalemail` varchar(255) NOT NULL default '', `active` enum('0','1') NOT NULL default '0', `fail_count` int(11) NOT NULL default '0', `choices` text NOT NULL, PRIMARY KEY  (`uid`), UNIQUE KEY `username` (`username`)",
    "admin": "`uid` int(11) NOT NULL auto_increment, `is_root` enum('no','yes') NOT NULL default 'no', `username` varbinary(64) NOT NULL, `password` varchar(64) NOT NULL default '', `permissions` text, PRIMARY KEY (`uid`)",
    "profiles": "`id` int(11) NOT NULL auto_increment, `uid` int(11) NOT NULL, `accname` varchar(255) NOT NULL default '', `poppass` varchar(255) default NULL, PRIMARY KEY (`id`), KEY `uid` (`uid`)",
    "email_folders": "`idx` int(11) NOT NULL auto_increment, `uid` int(11) NOT NULL, `folder_path` varchar(255) NOT NULL, {folder} PRIMARY KEY (`idx`)",
    "email_index": "`idx` bigint(20) NOT NULL auto_increment, `uid` int(11) NOT NULL, `folder_id` int(11) NOT NULL, `uidl` varchar(255) NOT NULL, `hsubject` varchar(255) NOT NULL default '', `hdate_sent` datetime NOT NULL default '0000-00-00 00:00:00', {index} PRIMARY KEY (`idx`), KEY `folder_id` (`folder_id`)",
    "calendar_events": "`id` int(11) NOT NULL auto_increment, `uid` int(11) NOT NULL, `starts` datetime NOT NULL default '0000-00-00 00:00:00', `title` varchar(255) default NULL, {event} `lastmod` timestamp(14) NOT NULL, PRIMARY KEY (`id`)",
    "calendar_groups": "`gid` int(11) NOT NULL auto_increment, `owner` int(11) NOT NULL, `name` varchar(255) NOT NULL, `type` tinyint(1) NOT NULL default '0', `uri` varchar(255) default NULL, PRIMARY KEY (`gid`)",
}  # fmt: skip
OLD = {
    "digest": "`firstname` varchar(64) default NULL,",
    "folder": "`meta_flags` int(11) default NULL,",
    "index": "`meta_flags` int(11) default NULL,",
    "event": "`warn_time` int(11) default NULL,",
}
NEW = {
    "digest": "`pw_digesta1` varchar(32) NOT NULL default '',",
    "folder": "",
    "index": "`search_body` mediumtext,",
    "event": "",
}
ONLY_NEW = {
    "groups": "`gid` int(11) NOT NULL auto_increment, `friendly_name` varchar(255), PRIMARY KEY (`gid`)",
    "group_permissions": "`gid` int(11) NOT NULL, `handler` varchar(32) NOT NULL",
    "share_folder": "`id` int(11) NOT NULL, `uid` int(11) NOT NULL",
}  # fmt: skip
SHIPPED = (
    "config/modules/Bookmarks/config.php", "config/modules/phlyMTA/config.php", "frontend/themes/Basic/style.css",
    "shared/extauth/csvfile.php", "shared/extauth/ldap_ext.php", "shared/msggw/phlymail.de/phm_shortmessage.php",
)  # fmt: skip
SUBJECTS = ["Grüße aus Köln", "Re: Angebot über 5 €", "plain", "It's \\ a test; -- no comment", "x" * 400]


def quoted(text: str) -> str:
    """A text as mysqldump writes it."""
    for sign, written in (("\\", "\\\\"), ("'", "\\'"), ("\n", "\\n"), ("\r", "\\r"), ("\0", "\\0")):
        text = text.replace(sign, written)
    return f"'{text}'"


@dataclass
class OldOne:
    """One old installation; what it holds follows from these."""

    edition: str = "MessageCenter"
    series: int = 4
    prefix: str = "phlymail"
    users: int = 3
    mails: int = 4
    encoding: str = "utf8"  # utf8, latin1, or twice: UTF-8 written over a latin1 connection
    folder: str = "phlymail/"
    several: bool = False  # mysqldump --databases
    subjects: list[str] = field(default_factory=lambda: list(SUBJECTS))
    extra: dict[str, bytes] = field(default_factory=dict)
    settings: dict[str, dict[str, str]] = field(default_factory=dict)
    engine: str = "ENGINE=MyISAM DEFAULT CHARSET=latin1"

    @property
    def config(self) -> str:
        return "storage/config/" if self.series == 4 else "shared/config/"

    @property
    def base(self) -> str:
        return "storage/user" if self.series == 4 else "storage"

    @property
    def names(self) -> list[str]:
        return [f"{NAMES[n % 5]}{n // 5 or ''}" for n in range(self.users)]

    def choices(self) -> str:
        """The settings, unsafe ones among them."""
        sections: dict[str, dict[str, str]] = {
            "core": {"online_status": "1", "debugging_level": "enabled", "send_method": "sendmail", "sendmail": "/bin/sh -c id", "theme_name": "Amplified",
                     "pagesize": "50", "provider_name": "Müller & Söhne", "fix_smtp_pass": "geheim99", "gzip_frontend": "1", "language": "de_Du",
                     "accountpass_security": "confused", "logout_redir_uri": "http://evil.example/", "plugin_x": "1"},
            "auth": {"system_salt": SALT, "countonfail": "1", "waitonfail": "90", "show_register": "1", "tie_session_ip": "1"},
            "path": {"conf": self.config.rstrip("/"), "storage": "storage", "lib": "/tmp/evil", **({"userbase": self.base} if self.series == 4 else {})},
            "antijunk": {"use_feature": "1", "cmd_check": "/usr/bin/spamc"},
            "logging": {"log_sql": "1"},
        }  # fmt: skip
        for section, keys in self.settings.items():
            sections.setdefault(section, {}).update(keys)
        lines = [DIE]
        for section, keys in sections.items():
            lines.append(f"[{section}]")
            lines += [f"{key} = {value}" if value.isdigit() else f'{key} = "{value}"' for key, value in keys.items()]
        return "\n".join(lines) + "\n"

    def mail(self, uid: int, number: int) -> bytes:
        subject = self.subjects[number % len(self.subjects)]
        return (
            f"From: a@b.example\r\nSubject: {subject}\r\n\r\nHallo {uid}, ".encode() + b"x" * (number * 900) + b"\r\n"
        )

    def files(self) -> dict[str, bytes]:
        """The tree, below the folder that was packed."""
        build = {
            ("MessageCenter", 4): "40311",
            ("MessageCenter", 3): "30721",
            ("Lite", 4): "40208",
            ("Lite", 3): "30105",
            ("Free", 4): "40470",
        }
        tree = {
            "index.php": b"<?php // phlyMail", "config.php": b"<?php", "api.php": b"<?php", "shared/lib/functions.php": b"<?php", "handlers/email/api.php": b"<?php",
            "frontend/themes/Yokohama/main.css": b"a {}", "frontend/themes/Yokohama/choices.ini.php": b";<?php die(); ?>\nengine = 412\n", "choices.ini.php": self.choices().encode(), f"{self.config}build.name": f"phlyMail {self.edition}\n".encode(),
            f"{self.config}current.build": build[self.edition, self.series].encode(), "storage/tplcache/x.tpl": b"a:0:{}", "storage/.htaccess": b"deny from all\n",
        }  # fmt: skip
        access = {"host": "localhost", "user": "phm", "pass": "g3heim", "database": "mail", "prefix": self.prefix}
        if self.series == 4:
            tree[f"{self.config}driver.mysql.ini.php"] = "\n".join(
                [DIE, *(f'{k} = "{v}"' for k, v in access.items()), ""]
            ).encode()
        else:
            tree[f"{self.config}driver.mysql.conf.php"] = "\n".join(
                ["<?php die(); ?>", *(f"mysql_{k};;{v}" for k, v in access.items()), ""]
            ).encode()
        tree |= dict.fromkeys(SHIPPED, b"<?php")
        for uid in range(1, self.users + 1):
            for number in range(self.mails):
                tree[f"{self.base}/{uid}/email/inbox/{uid}{number:08}"] = self.mail(uid, number)
            tree[f"{self.base}/{uid}/files/1199145600.{uid}a"] = b"\x89PNG" + bytes(range(256))
        tree |= self.extra
        return {self.folder + path: content for path, content in tree.items()}

    def tables(self) -> dict[str, str]:
        columns = NEW if self.series == 4 else OLD
        tables = {name: form.format(**columns) for name, form in COMMON.items()} | (
            ONLY_NEW if self.series == 4 else {}
        )
        return tables | (
            {"admin_apikey": "`uid` int(11) NOT NULL"} if (self.edition, self.series) == ("MessageCenter", 4) else {}
        )

    def dump(self) -> bytes:
        """The dump as a mysqldump of its day writes it."""
        said = {"utf8": "utf8", "latin1": "latin1", "twice": "utf8"}[self.encoding]
        lines = ["-- MySQL dump 10.11", "--", "-- Host: localhost    Database: mail", f"/*!40101 SET NAMES {said} */;", "/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;",
                 "/*!40103 SET TIME_ZONE='+00:00' */;", "/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;"]  # fmt: skip
        if self.several:
            lines += [
                "CREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop`;",
                "USE `shop`;",
                "CREATE TABLE `oxuser` (`id` int(11));",
                "CREATE DATABASE `mail`;",
                "USE `mail`;",
            ]
        rows = {
            "user": [f"({n},0,{quoted(name)},'',{self.password(name)},'a@b.example','{n % 2}',0,'')" for n, name in enumerate(self.names, 1)],
            "admin": [f"(1,'yes','admin','{hashlib.md5(b'x').hexdigest()}',NULL)"],  # noqa: S324
            "email_folders": [f"({n},{n},'inbox'{'' if self.series == 4 else ',NULL'})" for n in range(1, self.users + 1)],
            "email_index": [
                f"({uid * 100 + n},{uid},{uid},'{uid}{n:08}',{quoted(self.subjects[n % len(self.subjects)])},'2008-01-01 00:00:00',NULL)"
                for uid in range(1, self.users + 1) for n in range(self.mails)
            ],
            "calendar_groups": ["(1,1,'Feiertage',1,'file:///etc/passwd')"],
        }  # fmt: skip
        for table, form in self.tables().items():
            name = f"{self.prefix}_{table}"
            lines += [
                f"DROP TABLE IF EXISTS `{name}`;",
                "/*!40101 SET @saved_cs_client     = @@character_set_client */;",
                f"CREATE TABLE `{name}` (\n  {form}\n) {self.engine};",
            ]
            if rows.get(table):
                lines += [f"LOCK TABLES `{name}` WRITE;", f"/*!40000 ALTER TABLE `{name}` DISABLE KEYS */;", f"INSERT INTO `{name}` VALUES {','.join(rows[table])};",
                          f"/*!40000 ALTER TABLE `{name}` ENABLE KEYS */;", "UNLOCK TABLES;"]  # fmt: skip
        lines += ["/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;", "-- Dump completed on 2008-01-01  0:00:00", ""]
        text = "\n".join(lines)
        if self.encoding == "latin1":
            return text.encode("cp1252")
        if self.encoding == "twice":
            return (
                text.encode()
                .decode("latin-1")
                .translate(
                    {
                        n: bytes([n]).decode("cp1252", "replace")
                        for n in range(128, 160)
                        if n not in {0x81, 0x8D, 0x8F, 0x90, 0x9D}
                    }
                )
                .encode()
            )
        return text.encode()

    def password(self, name: str) -> str:
        """The column that each series has there."""
        return f"'{hashlib.md5(f'{name}:{SALT}:pw'.encode()).hexdigest()}'" if self.series == 4 else "'Vorname'"  # noqa: S324


def packed(files: dict[str, bytes], form: str) -> bytes:
    """A tree in one of the forms that customers send."""
    out = io.BytesIO()
    if form == "zip":
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, content in files.items():
                archive.writestr(path, content)
        return out.getvalue()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for path, content in files.items():
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(content), 0o640
            archive.addfile(info, io.BytesIO(content))
    return gzip.compress(out.getvalue(), 6) if form == "tar.gz" else bz2.compress(out.getvalue())
