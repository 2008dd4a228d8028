"""What a server says of itself, read."""

from __future__ import annotations

import pytest

from hosting.commands.server_facts import parse_facts


def test_facts_are_lists_numbers_units_and_texts() -> None:
    said = "debian=12.11\ntime=1764000000.5\ndata_bytes=4294967296\nprogram=curl\nprogram=flock\nphp_module=mysqli\nphp_module=[php modules]\n"
    said += "unit.apache2=active\nunit.mariadb=failed\nserver_id=3\ngtid_domain_id=\nraid=md0 active raid1 sda1[0] sdb1[1]\nsql_mode=A,B=C\n"
    said += "resolver=192.0.2.53\nresolver=fe80::1%eth0\nresolver=nobody\nresolver=2001:db8::53\n\n"
    assert parse_facts(said) == {
        "debian": "12.11",
        "time": 1764000000.5,
        "data_bytes": 4294967296,
        "programs": ["curl", "flock"],
        "php_modules": ["mysqli", "[php modules]"],
        "units": {"apache2": "active", "mariadb": "failed"},
        "server_id": 3,
        "gtid_domain_id": 0,
        "raid": ["md0 active raid1 sda1[0] sdb1[1]"],
        "sql_mode": "A,B=C",
        "resolvers": ["192.0.2.53", "2001:db8::53"],
    }


def test_silence_is_no_facts() -> None:
    assert parse_facts("") == {"programs": [], "php_modules": [], "units": {}, "raid": [], "resolvers": []}


def test_a_time_that_is_none_is_not_taken_for_one() -> None:
    with pytest.raises(ValueError, match="could not convert"):
        parse_facts("time=soon\n")
