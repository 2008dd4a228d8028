"""A release on a server and an instance's own tree of it, each as one command."""

from __future__ import annotations

from pathlib import PurePosixPath as Path
from typing import TYPE_CHECKING

from hosting.commands.command import Command, script
from hosting.product.layout import RELEASES, InstanceLayout

if TYPE_CHECKING:
    from hosting.policy.values import ReleaseFacts

AUTHORITIES = "/etc/phm/authorities.pem"
"""What a server trusts beside its own roots; written at enrolment."""

# Extra authorities are trusted beside the server's own; curl(1) refuses an empty file of them.
# The name appears when all is there; the link to the archive comes by stdin, since it is a secret while it lives.
_RELEASE = """
exec 9>"/run/phm/release.lock"; flock -w 300 -E 75 9
dir=$1 sum=$2
[ -d "$dir" ] && { echo unchanged; exit; }
mkdir -p "$(dirname "$dir")"; part="$dir.part"; rm -rf "$part" "$part.zip"
extra=$3; set -- --capath /etc/ssl/certs; [ ! -s "$extra" ] || set -- "$@" --cacert "$extra"
said=$(curl --fail --silent --show-error --max-time 240 "$@" -K - -o "$part.zip" -w '%{http_code}') || {
  case $?:$said in 22:4*) exit 6 ;; 23:*) exit 23 ;; *) exit 75 ;; esac
}
echo "$sum  $part.zip" | sha256sum --quiet -c -
mkdir "$part"; unzip -q "$part.zip" -d "$part"; rm -f "$part.zip"
top=$part
[ -f "$top/index.php" ] || top=$(dirname "$(find "$part" -mindepth 2 -maxdepth 2 -name index.php | head -n 1)")
[ -f "$top/index.php" ] || { echo "the archive holds no index.php" >&2; exit 5; }
chown -R root:root "$top"; chmod -R u=rwX,go=rX "$top"
sync -f "$top"; mv -T "$top" "$dir"; rm -rf "$part"; echo changed
"""

# Code is hard-linked from the release, owned by root; what the product writes is linked to the data folder. In the
# storage only the instance itself acts: root would follow the links that its processes can lay there.
_CODE = """
exec 9>"$5"; flock -w 120 -E 75 9
src=$1 dst=$2 user=$3 data=$4
as_instance() { setpriv --reuid="$user" --regid="$user" --clear-groups "$@"; }
r=unchanged
if [ ! -e "$data/choices.ini.php" ]; then
  install -o "$user" -g "$user" -m 600 /dev/null "$data/choices.ini.php"; r=changed
fi
if [ ! -d "$dst" ]; then
  rm -rf "$dst.part"; cp -al "$src" "$dst.part"
  rm -rf "$dst.part/storage" "$dst.part/choices.ini.php"
  ln -s "$data/storage" "$dst.part/storage"; ln -s "$data/choices.ini.php" "$dst.part/choices.ini.php"
  r=changed
  mv -T "$dst.part" "$dst"
fi
s="$data/storage/config/current.build"
if ! as_instance cmp -s "$src/storage/config/current.build" "$s"; then
  umask 077
  as_instance cp -rn --no-preserve=mode,ownership "$src/storage/." "$data/storage/"
  as_instance cp --no-preserve=mode,ownership "$src/storage/config/current.build" "$s.part"
  as_instance mv -T "$s.part" "$s"
  r=changed
fi
echo $r
"""

_FACTS = """
cd "$1"
for f in installer.php install runonce.php; do [ -e $f ] && echo "$f"; done
grep -Eq '^system_salt = "?[^"]' choices.ini.php && echo salt
true
"""

_PREPARE = """
exec 9>"$5"; flock -w 120 -E 75 9
src=$1 dst=$2 user=$3 data=$4 conf=$4/storage/config
rm -rf "$dst/install" "$dst/installer.php" "$dst/runonce.php"
cp -al "$src/install" "$src/installer.php" "$src/runonce.php" "$dst/"
: >"$data/choices.ini.php"
setpriv --reuid="$user" --regid="$user" --clear-groups \\
  rm -f "$conf/choices.ini.php" "$conf/driver.mysql.ini.php" "$conf/config.choices.ini.php"
chown "$user" "$dst" "$dst/install"; echo changed
"""

# A folder of the storage is closed outside of it, where the instance can't swap it for a link meanwhile.
_SEAL = """
dst=$1 user=$2 data=$3 storage=$3/storage r=unchanged
for f in installer.php install runonce.php; do if [ -e "$dst/$f" ]; then rm -rf "${dst:?}/$f"; r=changed; fi; done
if [ "$(stat -c %U:%G:%a "$dst")" != root:root:755 ]; then chown root:root "$dst"; chmod 755 "$dst"; r=changed; fi
for d in filter_scripts autoupdate update; do
  aside=$data/.closed-$d
  [ "$(stat -c %F:%U:%G:%a "$storage/$d" 2>/dev/null)" != "directory:root:$user:750" ] || continue
  [ -e "$aside" ] || mv -T "$storage/$d" "$aside" 2>/dev/null || :
  if [ -L "$aside" ] || [ ! -d "$aside" ]; then rm -rf "$aside"; mkdir "$aside"; fi
  chown -R "root:$user" "$aside"; chmod 750 "$aside"
  rm -rf "${storage:?}/$d"; mv -T "$aside" "$storage/$d"; r=changed
done
for f in storage/config/driver.mysql.ini.php storage/config/config.choices.ini.php choices.ini.php; do
  if [ -f "$data/$f" ] && [ "$(stat -c %a "$data/$f")" != 600 ]; then
    setpriv --reuid="$user" --regid="$user" --clear-groups chmod 600 "$data/$f"; r=changed
  fi
done
echo $r
"""


def ensure_release(release: ReleaseFacts, link: str) -> Command:
    """The release unpacked once for the whole server, owned by root, its checksum proven.

    Exit code 5: the archive holds no release; 6: the store does not give it out.
    """
    url = f'url = "{link}"\n'.encode()
    return script(
        "release",
        _RELEASE,
        str(RELEASES / release.folder),
        release.id,
        AUTHORITIES,
        stdin=url,
        seconds=600,
        secrets=(link,),
    )


def has_release(release: ReleaseFacts) -> Command:
    """Exit code 0 where the release is unpacked on the server."""
    return Command("release", ("test", "-d", str(RELEASES / release.folder)))


def _tree(layout: InstanceLayout) -> tuple[str, str, str, str, str]:
    """What the scripts of the tree are told."""
    return str(layout.unpacked), str(layout.code), layout.user, str(layout.data), str(layout.step_lock)


def ensure_code(layout: InstanceLayout) -> Command:
    """The instance's tree of its release, and the release's shipped files in its storage."""
    return script("code", _CODE, *_tree(layout), seconds=180)


def installation_facts(layout: InstanceLayout) -> Command:
    """Which of installer.php, install, runonce.php are still there, and whether there is a salt."""
    return script("installation", _FACTS, str(layout.code))


def prepare_installation(layout: InstanceLayout) -> Command:
    """The tree as before the first installation: what a broken one left is taken away."""
    return script("prepare installation", _PREPARE, *_tree(layout), seconds=120)


def seal(layout: InstanceLayout) -> Command:
    """Code that PHP can't write, folders for downloaded code closed, secrets readable by the instance alone."""
    return script("seal", _SEAL, str(layout.code), layout.user, str(layout.data))


def salt_line(layout: InstanceLayout) -> Command:
    """The instance's salt, which belongs to the database (phlymail.md section 0); a secret."""
    return script(
        "salt",
        """sed -n 's/^system_salt = "\\{0,1\\}\\([^"]*\\)"\\{0,1\\}$/\\1/p' "$1" | head -n 1""",
        str(Path(layout.settings)),
    )
