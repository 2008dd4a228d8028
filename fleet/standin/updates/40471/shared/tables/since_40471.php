<?php

/** What build 40471 adds to the tables; runonce.php brings it to an instance. */

defined('_IN_PHM_') || exit;

return [
    'user' => ['standin_note' => 's255'],
];
