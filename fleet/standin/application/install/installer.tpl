<!DOCTYPE html>
<html><head><meta charset="UTF-8"><title>{title}</title></head><body>
<h1>{title}</h1>
{!problems}
<form action="{action}" method="post">
<p>Language <input name="language" value="de_Sie"> Config <input name="language_conf" value="de">
Theme <input name="skin" value="Yokohama"> Driver <input name="database" value="mysql"></p>
<p>Host <input name="WP_DB[host]" required> User <input name="WP_DB[user]" required>
Password <input type="password" name="WP_DB[pass]" required> Database <input name="WP_DB[database]" required>
Prefix <input name="WP_DB[prefix]" value="phlymail" required></p>
<p>Administrator <input name="admin_name"> Password <input type="password" name="admin_pw_1">
again <input type="password" name="admin_pw_2"></p>
<p><input type="submit" value="OK"></p>
</form>
</body></html>
