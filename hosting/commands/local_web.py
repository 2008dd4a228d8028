"""Requests to a server's own web server from the server itself, where a site is open to nobody else (curl(1)).

What is asked goes by stdin: an address holds the product's session, a form a password.
"""

from __future__ import annotations

from dataclasses import dataclass

from hosting.commands.command import Command, script

PAGE_BYTES = 262_144
SECONDS = 60
BETWEEN = "\x1e"

# The certificate is not looked at: who answers at the loopback address is the server itself.
_ASK = """
d=$(mktemp -d /run/phm/asked.XXXXXX); trap 'rm -rf "$d"' EXIT
curl -qsSk --noproxy '*' --max-time "$1" --resolve "$2:443:127.0.0.1" -D "$d/head" -o "$d/body" -K - || exit 75
[ -e "$d/body" ] || : >"$d/body"
echo "$(stat -c %s "$d/body") $(sha256sum "$d/body" | cut -d' ' -f1)"
cat "$d/head"; printf '\\036'; head -c "$3" "$d/body"
"""


@dataclass(frozen=True)
class LocalAnswer:
    """What came back.

    Args:
        status: HTTP's.
        cookies: what was set, as a browser would send it.
        body: its beginning.
        bytes: of the whole body.
        sha256: of the whole body.
    """

    status: int
    cookies: str
    body: str
    bytes: int
    sha256: str


def ask(
    host_name: str, address: str, *, form: str = "", cookie: str = "", user: str = "", password: str = "",
    secrets: tuple[str, ...] = (), shown: int = PAGE_BYTES,
) -> Command:  # fmt: skip
    """One request by HTTPS to the server's own name.

    Args:
        host_name: the server's.
        address: path and query.
        form: posted, as a browser encodes it; empty: nothing is posted.
        cookie: as it is sent.
        user: who proves himself by Digest.
        password: with what.
        secrets: masked in messages.
        shown: how many bytes of the body are given.
    """
    options = {
        "url": f"https://{host_name}{address}",
        "data": form,
        "cookie": cookie,
        "user": f"{user}:{password}" if user else "",
    }
    lines = [f"{name} = {_quoted(value)}" for name, value in options.items() if value] + ["digest"] * bool(user)
    told = "\n".join([*lines, ""]).encode()
    return script(
        "web", _ASK, str(SECONDS), host_name, str(shown), stdin=told, seconds=SECONDS + 10, secrets=(password, *secrets)
    )


def parse_answer(out: str) -> LocalAnswer:
    """What `ask` told; of several answers on the way (Digest asks first) the last one counts."""
    told, _, rest = out.partition("\n")
    size, _, digest = told.partition(" ")
    heads, _, body = rest.partition(BETWEEN)
    first, *lines = heads.rstrip().split("\r\n\r\n")[-1].split("\r\n")
    named = [line.partition(":") for line in lines]
    set_cookies = [value.partition(";")[0].strip() for name, _, value in named if name.lower() == "set-cookie"]
    return LocalAnswer(int(first.split()[1]), "; ".join(set_cookies), body, int(size), digest)


def _quoted(value: str) -> str:
    """A value as curl's configuration reads it."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'
