#!/bin/sh
# The plain script that the flow is compared with: the same remote work, over one SSH connection, on an enrolled server
# whose release is unpacked. What it lacks: it can't be run twice or go on after a break, holds no lock and no lease,
# reserves no room, takes no broken configuration back, checks no answer's content beyond status codes, keeps no record,
# tells nobody, and has its secrets in its own arguments.
set -eu
name=$1 uid=$2 release=$3 host=$4 dbpass=$5 adminpass=$6 limit=$7 relay=$8
user=phm-$name db=phm_$name data=/srv/instances/$name code=/srv/code/$name scratch=/srv/scratch/$name
sock=/run/php/$user.sock url=https://$host/$name

groupadd -g "$uid" "$user"
useradd -u "$uid" -g "$uid" -d "$scratch" -M -s /usr/sbin/nologin "$user"
btrfs subvolume create "$data" > /dev/null
mkdir -p "$data/storage" "$scratch/sessions" "$scratch/temp" "$scratch/tplcache" "$scratch/upload" "$code"
ln -s "$scratch/tplcache" "$data/storage/tplcache"; ln -s "$scratch/temp" "$data/storage/temp"
mariadb -e "CREATE DATABASE $db CHARACTER SET utf8mb4; CREATE USER $db@localhost IDENTIFIED BY '$dbpass';
  GRANT SELECT,INSERT,UPDATE,DELETE,CREATE,DROP,INDEX,ALTER,CREATE TEMPORARY TABLES,LOCK TABLES ON \`$db\`.* TO $db@localhost"

cp -al "/srv/releases/$release" "$code/$release"
cp -rn "$code/$release/storage/." "$data/storage/"
rm -rf "$code/$release/storage" "$code/$release/choices.ini.php"; ln -s "$data/storage" "$code/$release/storage"
: > "$data/choices.ini.php"; ln -s "$data/choices.ini.php" "$code/$release/choices.ini.php"
ln -s "$release" "$code/current"
chown "root:$user" "$data" "$scratch"; chmod 750 "$data" "$scratch"
chown -Rh "$user:$user" "$data/storage" "$data/choices.ini.php" "$scratch"/*; chmod -R go= "$data/storage"
chown "$user" "$code/$release" "$code/$release/install"

touch "/var/log/phm/$name.log"; chown "$user" "/var/log/phm/$name.log"
cat > "/etc/php/8.2/fpm/pool.d/$user.conf" <<POOL
[$user]
user = $user
group = $user
listen = $sock
listen.owner = www-data
listen.mode = 0660
pm = ondemand
pm.max_children = 8
php_admin_value[open_basedir] = $code:$data:$scratch:/dev/urandom
php_admin_value[session.save_path] = $scratch/sessions
php_admin_value[upload_tmp_dir] = $scratch/upload
php_admin_value[sys_temp_dir] = $scratch/temp
php_admin_value[error_log] = /var/log/phm/$name.log
php_admin_value[disable_functions] = system,shell_exec,exec,passthru,popen,proc_open,pcntl_exec,dl,symlink,link,putenv,mail
php_admin_flag[display_errors] = off
POOL
php-fpm8.2 -t 2> /dev/null
systemctl reload php8.2-fpm
i=0; until [ -S "$sock" ] || [ $i -gt 100 ]; do i=$((i + 1)); sleep 0.05; done

ask() {  # path query form
  printf '%s' "$3" | env SCRIPT_FILENAME="$code/current/$1" SCRIPT_NAME="/$1" REQUEST_URI="/$1?$2" QUERY_STRING="$2" \
    REQUEST_METHOD="$([ -n "$3" ] && echo POST || echo GET)" CONTENT_LENGTH="${#3}" HTTPS=on HTTP_HOST=localhost HTTP_COOKIE="${4:-}" \
    REMOTE_ADDR=127.0.0.1 GATEWAY_INTERFACE=CGI/1.1 SERVER_PROTOCOL=HTTP/1.1 REDIRECT_STATUS=200 \
    CONTENT_TYPE=application/x-www-form-urlencoded cgi-fcgi -bind -connect "$sock"
}
form="save=1&language=de_Sie&language_conf=de&skin=Yokohama&database=mysql&WP_DB[host]=localhost:/run/mysqld/mysqld.sock&WP_DB[user]=$db"
form="$form&WP_DB[pass]=$dbpass&WP_DB[database]=$db&WP_DB[prefix]=phlymail&admin_name=provider&admin_pw_1=$adminpass&admin_pw_2=$adminpass"
ask installer.php 'save=1&WPInstLang=en' "$form" | grep -q SUCCESS
ask config.php '' '' > /dev/null

cat > "$data/storage/config/choices.ini.php" <<INI
;<?php die(); ?>
[core]
debugging_level = "disabled"
send_method = "smtp"
fix_smtp_host = "$relay"
fix_smtp_port = 25
online_status = 1
[auth]
force_ssl = 1
session_cookie = 1
INI
printf ';<?php die(); ?>\n[0]\nhost = "127.0.0.1"\n' > "$data/storage/config/autoupdate.ini.php"
printf ';<?php die(); ?>\nlanguage = "de"\nscheme = "default"\nallow_ip = 0\n' > "$data/storage/config/config.choices.ini.php"
chown "$user:$user" "$data"/storage/config/*.ini.php

session=$(ask config.php '' '' | sed -n 's/.*PHPSESSID=\([-,A-Za-z0-9]*\).*/\1/p' | head -n 1)
cookie=$(ask config.php "PHPSESSID=$session" "user=provider&pass=$adminpass" | sed -n 's/^Set-Cookie: \([^;]*\).*/\1/ip' | tail -n 1)
ask config.php "PHPSESSID=$session&action=home&fixgroups=1" '' "$cookie" > /dev/null
mariadb "$db" -e "INSERT INTO phlymail_admin (username, pw_digesta1, externalemail, active, is_root, choices, permissions)
  VALUES ('admin', '$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n')', 'bench@kunde.test', '1', 'no', '', '')"

rm -rf "$code/$release/installer.php" "$code/$release/install" "$code/$release/runonce.php"
chown root:root "$code/$release"
btrfs qgroup limit "$limit" "$data"
nft list table inet phm_outgoing > /dev/null

cat > "/etc/apache2/phm/instances/$name.conf" <<SITE
AliasMatch "^/$name/$" "$code/current/index.php"
Alias "/$name/" "$code/current/"
<Directory "$code">
  Require all denied
  Options +FollowSymLinks
  CGIPassAuth On
</Directory>
<LocationMatch "^/$name/((index|config|m|api|webdav)\.php(/.*)?)?$">
  Require all granted
</LocationMatch>
<LocationMatch "^/$name/(index|config|m|api|webdav)\.php(/|$)|^/$name/$">
  SetHandler "proxy:unix:$sock|fcgi://$user/"
</LocationMatch>
SITE
apache2ctl configtest 2> /dev/null
systemctl reload apache2
systemctl is-active --quiet apache2

get() {  # expected status, then curl's arguments
  want=$1; shift
  got=$(curl -s -o /dev/null -w '%{http_code}' --cacert /etc/phm/authorities.pem --resolve "$host:443:127.0.0.1" --resolve "$host:80:127.0.0.1" "$@")
  case " $want " in *" $got "*) ;; *) echo "$* answers $got instead of $want" >&2; exit 1 ;; esac
}
get 200 "$url/"; get 200 "$url/config.php"; get 401 "$url/api.php"; get 401 "$url/webdav.php/"
for hidden in storage/ storage/config/driver.mysql.ini.php storage/config/choices.ini.php storage/config/current.build storage/user/ \
  choices.ini.php defaults.ini.php installer.php install/ runonce.php backend/cronjob.php shared/lib/functions.php \
  handlers/core/description.ini frontend/templates/ .htaccess; do
  get '403 404' "$url/$hidden"
done
for path in '' config.php frontend/css/core.css storage/; do get 301 "http://$host/$name/$path"; done
jar=$(mktemp)
session=$(curl -s -c "$jar" --cacert /etc/phm/authorities.pem --resolve "$host:443:127.0.0.1" "$url/config.php" | sed -n 's/.*PHPSESSID=\([-,A-Za-z0-9]*\).*/\1/p' | head -n 1)
get 302 -c "$jar" -b "$jar" -d "user=provider&pass=$adminpass" "$url/config.php?PHPSESSID=$session"
new="PHM[username]=bench&PHM[password]=benchbench&PHM[password2]=benchbench&PHM[active]=1&PHM[email]=&PHM[externalemail]="
new="$new&PHM[firstname]=&PHM[lastname]=&PHM[birthday]=0000-00-00&PHM[visibility]=private"
get 302 -b "$jar" -d "$new" "$url/config.php?PHPSESSID=$session&action=users&whattodo=savenewuser"
for method in PUT GET DELETE; do
  body=; [ $method != PUT ] || body='--data-binary proof'
  get '200 201 204' --digest -u bench:benchbench -X $method $body "$url/webdav.php/bench/files/proof.txt"
done
uid_of=$(mariadb "$db" -NBe "SELECT uid FROM phlymail_user WHERE username = 'bench'")
get '200 302' -b "$jar" "$url/config.php?PHPSESSID=$session&action=users&whattodo=deleuser&uid=$uid_of&really=yeahyeah"
rm -f "$jar"

printf 'SHELL=/bin/sh\nMAILTO=""\n* * * * * %s cd %s/current && exec php backend/cronjob.php > /dev/null 2>&1\n' "$user" "$code" > "/etc/cron.d/$user"
