#!/bin/sh
# The way back of back_up_plain.sh: nothing is compared, nothing is put in its place, nothing is kept aside.
# Arguments: database (empty), folder to restore into.
set -eu
restic --cacert /etc/phm/authorities.pem restore latest --path "$3" --target "$2" >/dev/null
restic --cacert /etc/phm/authorities.pem dump latest --path /database.sql database.sql | mariadb "$1"
