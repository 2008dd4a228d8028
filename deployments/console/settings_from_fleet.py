"""The first settings: taken from the local fleet where there is one, otherwise an example to fill in."""

from __future__ import annotations

import base64
import json
import os
import secrets
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from hosting.errors import ServiceError
from hosting.settings import SETTINGS_FILE

FLEET_HOME = "/var/lib/phm-fleet"
SECRET_BYTES = 32

EXAMPLE = """\
# The service's settings; docs/settings.md tells of each. Entries that begin with # are yours to fill in.
# zone = "phlymail.example"
# resolvers = ["192.0.2.1", "198.51.100.1", "203.0.113.1"]  # DNS servers of two or three independent providers
holidays_state = "BE"
# certificate_pem = "..."          # the zone's wildcard certificate, with its intermediates
# certificate_key_pem = "..."
inventory_url = {inventory}
sealing_key = {sealing}
prefect_api_url = "http://127.0.0.1:4200/api"

[ssh]
user = "root"
# private_key = "..."              # in OpenSSH form

[mail]
# host = "relay.example"
# sender = "phlyMail <service@phlymail.example>"
# operator = "operators@phlymail.example"

[store]
# endpoint = "https://s3.example"
# access_key = "..."
# secret_key = "..."

[web]
# public_url = "https://service.phlymail.example"
shop_secrets = [{shop}]            # tell it to the shop

# [dns]                            # the zone's primary name server; without it no subdomain is assigned
# address = "192.0.2.53"
# key_name = "phlymail-hosting"    # a TSIG key that may change the zone
# key = "..."

[backup]
# endpoint_country = "DE"          # state that the store stands in Germany (P02)
# escrow_certificate_pem = "..."   # docs/runbooks/escrow.md
# [backup.reader]                  # access_key, secret_key
# [backup.writers.app1]            # access_key, secret_key; rights: phm server storage-rights app1
"""


class SettingsToFill(ServiceError):
    """The settings were just begun; an operator has to go on."""


def fleet_description() -> Path:
    """Where the local fleet tells of itself, whether it is there or not."""
    return Path(os.environ.get("PHM_FLEET_HOME") or FLEET_HOME) / "fleet.json"


def ensure_settings(home: Path) -> bool:
    """Settings in the service's folder, with secrets made afresh; whether they were made now.

    Raises:
        SettingsToFill: there is no fleet here: an example was written, and says what to fill in.
    """
    file = home / SETTINGS_FILE
    if file.exists():
        return False
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    fleet = fleet_description()
    try:
        described = json.loads(fleet.read_text(encoding="utf-8"))
    except FileNotFoundError:
        made = {name: json.dumps(value) for name, value in fresh(home).items()}
        write_private(file, EXAMPLE.format(**made))
        message = f"There were no settings: {file} was begun, with fresh secrets."
        do = "Fill in its entries that begin with #, or remove it and start the local fleet; then run phm up again."
        raise SettingsToFill(message, do) from None
    except PermissionError as error:
        raise ServiceError(f"{fleet} can't be read.", "Start phm as the user who started the fleet.") from error
    write_private(file, "# Made from the local fleet.\n" + as_toml(settings_of(described, home)))
    return True


def fresh(home: Path) -> dict[str, str]:
    """What is made anew for every service: its inventory's place, and secrets."""
    return {
        "inventory": f"sqlite:///{home / 'inventory.db'}",
        "sealing": Fernet.generate_key().decode(),
        "shop": "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode(),
    }


def settings_of(fleet: dict[str, Any], home: Path) -> dict[str, Any]:
    """The settings for a fleet as it describes itself (`fleet/description.py`)."""
    made, zone, store, name_server = fresh(home), fleet["zone"], fleet["s3"], fleet["dns"]
    return {
        "zone": zone,
        "resolvers": [fleet["dns"]["address"]],
        "authorities_pem": Path(fleet["ca"]).read_text(encoding="ascii"),
        "certificate_pem": Path(fleet["wildcard"]["certificate"]).read_text(encoding="ascii"),
        "certificate_key_pem": Path(fleet["wildcard"]["key"]).read_text(encoding="ascii"),
        "inventory_url": made["inventory"],
        "sealing_key": made["sealing"],
        "prefect_api_url": "http://127.0.0.1:4200/api",
        "ssh": {
            "user": fleet["ssh"]["user"],
            "private_key": Path(fleet["ssh"]["private_key"]).read_text(encoding="ascii"),
        },
        "mail": {
            "host": fleet["smtp"]["host"],
            "port": fleet["smtp"]["port"],
            "sender": f"service@{zone}",
            "operator": f"operators@{zone}",
        },
        "store": {name: store[name] for name in ("endpoint", "region", "access_key", "secret_key")},
        "web": {"public_url": "http://127.0.0.1:4280", "shop_secrets": [made["shop"]]},
        "dns": {
            "address": name_server["address"],
            "port": name_server["port"],
            "key_name": name_server["tsig_name"],
            "key_algorithm": name_server["tsig_algorithm"],
            "key": name_server["tsig_secret"],
        },
        "backup": {
            "endpoint_country": "DE",
            "bucket": store["bucket"],
            "escrow_certificate_pem": Path(fleet["escrow"]["certificate"]).read_text(encoding="ascii"),
            "reader": store["reader"],
            "writers": store["writers"],
        },
    }


def as_toml(tree: dict[str, Any], within: str = "") -> str:
    """Strings, numbers, lists of strings and tables in tables as TOML; JSON's strings are TOML's too."""
    plain = [f"{key} = {json.dumps(value)}" for key, value in tree.items() if not isinstance(value, dict)]
    tables = [
        f"\n[{within}{key}]\n{as_toml(value, f'{within}{key}.').rstrip()}"
        for key, value in tree.items()
        if isinstance(value, dict)
    ]
    return "\n".join([*plain, *tables]) + "\n"


def write_private(file: Path, text: str) -> None:
    """Write a new file that only its owner can read."""
    descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
