<?php

/** What builds 40471 to 40473 add to the tables; runonce.php brings it to an instance. */

defined('_IN_PHM_') || exit;

return [
    'user' => ['standin_note' => 's255', 'standin_short' => 's32'],
    'email_index' => ['#index' => 'hdate_recv'],
    'standin_news' => ['id' => 'id', 'uid' => 'ref', 'told' => 's255', '#index' => 'uid'],
];
