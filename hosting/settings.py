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
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from hosting.errors import ServiceError
from hosting.policy.agreements import WithoutAnswer
from hosting.policy.placement import COUNTRY
from hosting.policy.terms import STANDARD

SETTINGS_FILE = "settings.toml"

MOST_LOCK_DAYS = 7 * (STANDARD.backup_weeks_kept - 1)
"""The object lock ends before a generation is dropped by the clock, so that it stands in the way of mistakes alone."""


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

    @field_validator("public_url")
    @classmethod
    def _is_private_on_its_way(cls, url: str) -> str:
        """Links in letters set passwords: they travel encrypted, or not at all (loopback)."""
        parts = urlsplit(url)
        if parts.hostname and (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname))):
            return url
        raise ValueError("it carries links that set passwords: give an address that begins with https://")


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
    holidays_state: str | None = Field("BE", description="The federal state whose public holidays count (P09).")
    resolvers: tuple[str, ...] = Field((), description="DNS servers that probes ask; none: the system's.")
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
    ssh: SshSettings
    mail: MailSettings
    store: ObjectStoreSettings
    web: WebSettings
    backup: BackupSettings = BackupSettings()
    dns: DnsSettings | None = Field(None, description="Who keeps the zone; without it no subdomain is assigned.")


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
