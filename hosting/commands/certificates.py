"""A certificate and its key on a server, only as a pair: Apache would end at its next start with another one's key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.commands.command import Command, script

if TYPE_CHECKING:
    from pathlib import PurePosixPath as Path

# Both come by one stdin: the certificate up to the size that is told, then the key. Nothing lies under its final name
# before both are whole and fit each other. The folder in which they are made is one a name: what a hard stop left in
# it, a key perhaps, goes with the next attempt, or with the name.
_PAIR = """
cert=$1 key=$2 first=$3 size=$4
umask 077
d=$(dirname "$cert")/.phm-new.$(basename "$cert" | cut -d. -f1); rm -rf "$d"; mkdir "$d"; trap 'rm -rf "$d"' EXIT
cat >"$d/both"
[ "$(stat -c %s "$d/both")" = "$size" ] || { echo "the content came in part only" >&2; exit 75; }
head -c "$first" "$d/both" >"$d/cert"; tail -c +$((first + 1)) "$d/both" >"$d/key"; rm "$d/both"
public=$(openssl x509 -in "$d/cert" -noout -pubkey 2>/dev/null) || public=none
own=$(openssl pkey -in "$d/key" -pubout 2>/dev/null) || own=nothing
[ "$public" = "$own" ] || { echo "the key is not the certificate's" >&2; exit 3; }
if cmp -s "$d/cert" "$cert" && cmp -s "$d/key" "$key" && [ "$(stat -c %U:%a "$key")" = "root:600" ]
then echo unchanged; exit; fi
chmod 644 "$d/cert"; mv -fT "$d/key" "$key"; mv -fT "$d/cert" "$cert"; echo changed
"""

_GONE = """
r=unchanged
if [ -e "$1/.phm-new.$2" ]; then rm -rf "$1/.phm-new.$2"; r=changed; fi
for f in "$1/$2".*; do
  [ -e "$f" ] || continue
  keep=0; for k in "$3" "$4"; do if [ "$f" = "$k" ]; then keep=1; fi; done
  [ $keep = 1 ] || { rm -f "$f"; r=changed; }
done
echo $r
"""


def ensure_pair(certificate: Path, key: Path, certificate_pem: str, key_pem: str) -> Command:
    """A certificate with its intermediates (mode 644) and its key (mode 600).

    Exit code 3: the key is not the certificate's, and nothing was written.
    """
    first = certificate_pem.encode()
    both = first + key_pem.encode()
    words = (str(certificate), str(key), str(len(first)), str(len(both)))
    return script("certificate", _PAIR, *words, stdin=both, secrets=(key_pem,))


def ensure_no_others(folder: Path, name_id: int, *kept: Path) -> Command:
    """Of a name's certificates and keys none but these two is there, or none at all."""
    words = [*map(str, kept), "", ""][:2]
    return script("certificates gone", _GONE, str(folder), str(name_id), *words)
