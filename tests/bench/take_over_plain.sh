#!/bin/sh
# What an administrator types in an afternoon: an old installation's archive fetched, unpacked, loaded, its users' files put
# into place. `make bench-import` measures beside it. It lacks: whether the archive may be fetched from there, and is whole;
# bounds for what it unpacks to; whether anything in it leads out of the folder or runs; what the export's statements do (they
# run as root); its encoding; foreign tables; settings, which it leaves to the administrator; whether the booking covers it;
# counts, a report, a draft to look at, a way back; going on after a break.
# Arguments: URL, working folder, database, storage folder, user of the instance. The last line: milliseconds of each step,
# then those of a processor that the programs and the database's server took.
set -eu
url=$1 work=$2 database=$3 storage=$4 user=$5
now() { date +%s%3N; }
server() { awk '{ print ($14 + $15) * 10 }' "/proc/$(pidof mariadbd)/stat"; }
own() { awk '{ print ($14 + $15 + $16 + $17) * 10 }' "/proc/$$/stat"; }
rm -rf "$work"; mkdir -p "$work"; cd "$work"
busy=$(server) began=$(now)
curl -sSf --cacert /etc/phm/authorities.pem -o old.zip "$url"
fetched=$(now)
unzip -q old.zip -d tree
unpacked=$(now)
mariadb -e "DROP DATABASE IF EXISTS $database; CREATE DATABASE $database"
mariadb "$database" <tree/dump.sql
loaded=$(now)
mkdir -p "$storage"; mv tree/phlymail/storage/user "$storage/"
chown -R "$user:$user" "$storage/user"; chmod -R u=rwX,go= "$storage/user"
sync
laid=$(now)
echo $((fetched - began)) $((unpacked - fetched)) $((loaded - unpacked)) $((laid - loaded)) $((laid - began)) $(($(own) + $(server) - busy))
