;<?php die(); ?>
core = 1
email = 1
contacts = 1
calendar = 1
files = 1
bookmarks = 1
rss = 1
