<?php

defined('_IN_PHM_') || die();

require Settings::path('frontend') . '/main.php';
