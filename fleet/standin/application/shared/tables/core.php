<?php

/** The tables of the core: column => type, in the words of Schema. */

defined('_IN_PHM_') || exit;

return [
    'core_crontab' => [
        'handler' => 's64', 'job' => 's64', 'item' => 'bigint(20)?', 'interval' => 'bigint(20)=1',
        'runonce' => 'flag', 'prio' => 'int', 'reference_time' => 'time=00:00', 'pid' => 'int?',
        'at_once' => 'flag', 'laststart' => 'moment?', 'laststop' => 'moment?',
        '#index' => 'handler',
        '#unique' => ['jobkey' => 'handler,job,item'],
    ],
    'core_derefer' => [
        'nonce' => 's64', 'uri' => 'text', 'expires' => 'moment?',
        '#unique' => ['nonce' => 'nonce'],
    ],
    'core_lock' => [
        'owner' => 's128', 'timeout' => 'ref', 'created' => 'bigint(20)', 'token' => 's128', 'uri' => 'text',
        'scope' => 'tiny', 'depth' => 'tiny',
        '#index' => 'owner',
        '#unique' => ['token' => 'token'],
    ],
    'core_noauth' => [
        'uuid' => 's255', 'handler' => 's64', 'load' => 's64', 'action' => 's64',
        '#index' => 'handler',
        '#unique' => ['uuid' => 'uuid'],
    ],
    'core_thumbs' => [
        'id' => 'id', 'handler' => 's255', 'item' => 'ref', 'uuid' => 's255', 'type' => 's255',
        'body' => 'mediumblob?',
        '#index' => 'handler',
    ],
    'sendto_handler' => [
        'id' => 'id', 'behaviour' => 'pick(accept|ignore)=accept', 'mimetype' => 's255', 'handler' => 's64',
        'on_context' => 'flag=1', 'on_fetch' => 'flag',
        '#index' => 'handler',
    ],
];
