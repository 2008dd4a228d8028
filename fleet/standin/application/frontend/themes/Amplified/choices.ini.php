;<?php die(); ?>
client_type = "desktop"
engine = 412
display_name = "Amplified"
