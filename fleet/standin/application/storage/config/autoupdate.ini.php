;<?php die(); ?>
[0]
host = "update.invalid"
port = 443
ssl = 1
path = "/updates"
name = "First server"
[1]
host = "update2.invalid"
port = 443
ssl = 1
path = "/updates"
name = "Second server"
