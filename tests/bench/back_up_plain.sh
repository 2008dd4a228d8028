#!/bin/sh
# What an administrator writes in an evening: one instance backed up with restic, nothing else. `make bench-backup`
# measures beside it. It lacks: one moment for files and database; a look whether the dump is whole (a failed dump ends
# with exit code 0 here), whose it is, and whether all rows are in it; sums to compare a restore with; a record; a lock;
# another key than one that may delete; one job that survives a cut connection; anything that notices a missing backup.
# Arguments: database, folder. The repository, its password and the store's key stand in the environment.
set -eu
mariadb-dump --single-transaction --quick "$1" | restic --cacert /etc/phm/authorities.pem backup --stdin --stdin-filename database.sql >/dev/null
restic --cacert /etc/phm/authorities.pem backup "$2" >/dev/null
