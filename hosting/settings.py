"""The service's settings: one file, mode 600, from which blocks, receiver and console take what they need."""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import os
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

from platformdirs import user_state_path
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from hosting.errors import ServiceError
from hosting.policy.agreements import WithoutAnswer
from hosting.policy.placement import COUNTRY
from hosting.policy.pointing import LEAST_RESOLVERS
from hosting.policy.terms import STANDARD

SETTINGS_FILE = "settings.toml"

MOST_LOCK_DAYS = 7 * (STANDARD.backup_weeks_kept - 1)
"""The object lock ends before a generation is dropped by the clock, so that it stands in the way of mistakes alone."""


METRICS_TOKEN_LEAST = 24


class SettingsMissing(ServiceError):
    """There is no settings file, or it can't be read as one."""


class SshSettings(BaseModel):
    """How the service reaches its servers."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    user: str = Field("root", description="The account on every server.")
    private_key: SecretStr = Field(description="The private key in OpenSSH form.")
    connect_seconds: float = Field(5.0, description="How long a connection may take.")


class MailSettings(BaseModel):
    """The relay for the service's own letters and for instances."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    host: str
    port: int = 25
    user: str = ""
    password: SecretStr = SecretStr("")
    security: str = Field("none", description="none, STARTTLS or SSL.")
    sender: str = Field(description="The address that letters come from.")
    operator: str = Field(description="The address that operators' letters go to.")


class ObjectStoreSettings(BaseModel):
    """The S3 object store."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    endpoint: str
    region: str = "eu-central-1"
    access_key: str
    secret_key: SecretStr
    bucket: str = "phm-releases"


class StoreKey(BaseModel):
    """A key for the object store."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    access_key: str
    secret_key: SecretStr


class BackupSettings(BaseModel):
    """Where backups go, who may write them, who can open them when all else is lost (P19 to P22)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    endpoint: str = Field("", description="The store for backups; the object store's if empty.")
    region: str = Field("", description="Its region; the object store's if empty.")
    endpoint_country: str = Field("", description="Where it stands, as the operator states it: DE (P02).")
    bucket: str = "phm-backups"
    lock_days: int = Field(14, ge=1, le=MOST_LOCK_DAYS, description="How long no version can be removed by mistake.")
    writers: dict[str, StoreKey] = Field(
        {}, description="Each server's key; phm server storage-rights tells its rights."
    )
    reader: StoreKey | None = Field(None, description="The key with which restores read.")
    escrow_certificate_pem: str = Field(
        "", description="Who holds its key can restore everything without this program."
    )

    @field_validator("endpoint_country")
    @classmethod
    def _stands_in_germany(cls, country: str) -> str:
        """Customers' data stay in Germany; not stated yet, no backup is made (`BackupStore`)."""
        if country in {"", COUNTRY}:
            return country
        raise ValueError(f"customers' data stay in Germany (P02): name a store that stands there, and state {COUNTRY}")


class DnsSettings(BaseModel):
    """The zone's primary name server, and the TSIG key that may change the zone (P29)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    address: str = Field(description="Its IP address.")
    port: int = 53
    key_name: str = Field(description="The key's name, as the name server has it.")
    key_algorithm: str = "hmac-sha256"
    key: SecretStr = Field(description="The key itself, in base64.")

    @field_validator("address")
    @classmethod
    def _is_an_address(cls, address: str) -> str:
        """Its name would have to be asked of somebody."""
        return str(ipaddress.ip_address(address))

    @field_validator("key")
    @classmethod
    def _is_base64(cls, key: SecretStr) -> SecretStr:
        """What else it may be is told by the name server."""
        base64.b64decode(key.get_secret_value(), validate=True)
        return key


class WebSettings(BaseModel):
    """The receiver of the shop's events and the customers' pages."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    bind_host: str = "127.0.0.1"
    bind_port: int = 4280
    public_url: str = Field(description="The base of links in letters, without a slash at its end; https.")
    shop_secrets: tuple[SecretStr, ...] = Field(description="One, or two while the secret is being changed (whsec_…).")
    metrics_token: SecretStr = Field(
        SecretStr(""), description="Who bears it may read the figures at /metrics; empty: there is no such page."
    )

    @field_validator("metrics_token")
    @classmethod
    def _is_not_guessed(cls, token: SecretStr) -> SecretStr:
        """Short ones are guessed; it is asked for on the public door."""
        if 0 < len(token.get_secret_value()) < METRICS_TOKEN_LEAST:
            raise ValueError(f"give {METRICS_TOKEN_LEAST} characters at least, drawn by chance; or none")
        return token

    @field_validator("public_url")
    @classmethod
    def _is_private_on_its_way(cls, url: str) -> str:
        """Links in letters set passwords: they travel encrypted, or not at all (loopback)."""
        parts = urlsplit(url)
        if parts.hostname and (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname))):
            return url
        raise ValueError("it carries links that set passwords: give an address that begins with https://")


class BoardSettings(BaseModel):
    """The operators' board; it listens at a door of its own, so that nobody finds it at the public one."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    bind_host: str = Field("127.0.0.1", description="Where it listens; elsewhere than loopback only behind HTTPS.")
    bind_port: int = Field(4281, ge=0, le=65_535, description="Its port; 0: no board.")
    public_url: str = Field("", description="Where operators reach it, if not at its port; https.")
    prefect_url: str = Field("", description="Where operators reach Prefect's pages; empty: where Prefect's API is.")
    refresh_seconds: int = Field(60, ge=15, le=3600, description="How often the page is fetched anew by itself.")

    @field_validator("public_url", "prefect_url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        """The board's login travels encrypted, or not at all (loopback); a link leads to a page and is no script."""
        parts = urlsplit(url)
        web = parts.hostname and (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname)))
        if not url or web:
            return url.rstrip("/")
        raise ValueError("give an address that begins with https://, or one of this machine's own")

    @model_validator(mode="after")
    def _is_private_on_its_way(self) -> BoardSettings:
        """Beyond this machine only what ends an encrypted way may speak to it."""
        if _is_loopback(self.bind_host) or not self.bind_port or self.public_url.startswith("https://"):
            return self
        raise ValueError("its login would travel in the clear: bind it to loopback, or name an https public_url")

    @property
    def url(self) -> str:
        """Where operators find it; empty where there is none."""
        return self.public_url or (f"http://{self.bind_host}:{self.bind_port}" if self.bind_port else "")


class ProbeSettings(BaseModel):
    """How instances are probed, and when that is an alarm (P11)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    seconds: float | None = Field(
        None, ge=1, description="Each instance is probed so often at least; none: as often as its level says."
    )
    alarm_after: int = Field(3, ge=1, description="So many probes that failed in a row are an alarm.")
    months_kept: int = Field(
        26, ge=14, description="How long results are kept; of what is older the sums of the days are."
    )
    locations: dict[str, str] = Field(
        {}, description="Where servers stand, by their names; those that are not named stand at one place."
    )


def _is_loopback(host: str) -> bool:
    """Whether a host is this machine's own."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


class Settings(BaseModel):
    """All of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    zone: str = Field(description="The service's DNS zone, e.g. phlymail.net.")
    name_lists: str = Field("", description="A folder with lists of names; empty: those of the service (P28).")
    holidays_state: str | None = Field(
        "BE", description="The federal state whose public holidays count; empty: none do (P09)."
    )
    resolvers: tuple[str, ...] = Field(
        (), description="DNS servers that probes ask, two or three independent ones; none: the system's."
    )
    authorities_pem: str = Field(
        "", description="Extra certificate authorities that probes and the store's clients trust."
    )
    trust_store: str = Field(
        "", description="A PEM file with the authorities by which customers' certificates are judged (P31)."
    )
    certificate_pem: str = Field("", description="The wildcard certificate of the zone, with its intermediates.")
    certificate_key_pem: SecretStr = Field(SecretStr(""), description="Its private key.")
    inventory_url: SecretStr
    sealing_key: SecretStr = Field(description="The Fernet key that seals secrets in the inventory.")
    prefect_api_url: str = "http://127.0.0.1:4200/api"
    access_link_days: int = STANDARD.access_link_days
    move_without_answer: WithoutAnswer = Field(
        WithoutAnswer.NOTHING, description="What follows where a customer does not answer: nothing, or move (P24)."
    )
    room_ahead_days: int = Field(
        STANDARD.room_ahead_days, ge=1, description="How far ahead a full pool makes a move needed (P24)."
    )
    import_networks: tuple[str, ...] = Field(
        (), description="Inner networks that archives may be fetched from all the same; for tests (P37)."
    )
    ssh: SshSettings
    mail: MailSettings
    store: ObjectStoreSettings
    web: WebSettings
    board: BoardSettings = BoardSettings()
    backup: BackupSettings = BackupSettings()
    probes: ProbeSettings = ProbeSettings()
    dns: DnsSettings | None = Field(None, description="Who keeps the zone; without it no subdomain is assigned.")

    @field_validator("holidays_state")
    @classmethod
    def _knows_no_holidays(cls, state: str | None) -> str | None:
        """An empty text keeps none: TOML has no other word for it."""
        return state or None

    @model_validator(mode="after")
    def _has_doors_of_their_own(self) -> Settings:
        """Customers' pages and the board are told apart by their ports."""
        if self.board.bind_port == self.web.bind_port:
            raise ValueError("board.bind_port is the receiver's own (web.bind_port): give the board another one")
        return self


def advice(settings: Settings) -> list[str]:
    """What the service works without, and what is better set: a sentence each with the way out."""
    asked = set(settings.resolvers) or {"the system's own"}
    if len(asked) >= LEAST_RESOLVERS:
        return []
    alone = (
        f"Where customers' domains lead is asked of one resolver alone ({', '.join(asked)}), which may remember an old "
        "record; name two or three independent ones in settings.toml: resolvers."
    )
    return [alone]


def home() -> Path:
    """The service's own folder on the control machine: `PHM_HOME`, or the user's state folder."""
    chosen = os.environ.get("PHM_HOME")
    return Path(chosen) if chosen else user_state_path("phlymail-hosting")


def load_settings(path: Path | None = None) -> Settings:
    """The settings as the file has them.

    Raises:
        SettingsMissing: no file there, or not such a file; names each wrong entry, never its value.
    """
    file = path or home() / SETTINGS_FILE
    try:
        return Settings.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise SettingsMissing(
            f"There are no settings at {file}.", "Make them with: phm up (or set PHM_HOME)."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsMissing(f"{file} is not TOML: {error}.", "Correct it.") from error
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
        raise SettingsMissing(f"{file} has wrong entries: {wrong}.", "Correct them.") from error
