<?php

/** The front end for telephones: the same pages, they are plain enough. */

define('_IN_PHM_', true);
define('PHM_MOBILE', true);

require __DIR__ . '/shared/start.php';
require __DIR__ . '/mobile/home.php';
