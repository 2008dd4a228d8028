<?php

defined('_IN_PHM_') || exit;

require Settings::path('frontend') . '/main.php';
