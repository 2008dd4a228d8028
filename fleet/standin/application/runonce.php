<?php

/** Brings an instance to this release; deleted after its run by who included it. */

defined('_IN_PHM_') || exit;

@set_time_limit(0);
(new Upgrade(Database::open()))->run();
