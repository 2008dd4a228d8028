<?php

/** The tables of accounts: column => type, in the words of Schema. */

defined('_IN_PHM_') || exit;

return [
    'admin' => [
        'uid' => 'id', 'is_root' => 'pick(no|yes)=no', 'username' => 'varbinary(64)', 'password' => 's32',
        'pw_digesta1' => 's32', 'token' => 's32?', 'token_valid' => 'moment?=0', 'externalemail' => 's255?',
        'active' => 'flag', 'fail_count' => 'tiny', 'fail_time' => 'ref', 'choices' => 'text?',
        'permissions' => 'text?', 'logintime' => 'moment', 'logouttime' => 'moment',
        '#index' => 'active',
        '#unique' => ['username' => 'username', 'token' => 'token'],
    ],
    'user' => [
        'uid' => 'id', 'gid' => 'ref', 'username' => 'varbinary(64)', 'password' => 's32', 'pw_digesta1' => 's32',
        'token' => 's32?', 'token_valid' => 'moment?=0', 'externalemail' => 's255?', 'contactid' => 'ref?',
        'active' => 'flag', 'fail_count' => 'tiny', 'fail_time' => 'ref', 'choices' => 'text?',
        'logintime' => 'moment', 'logouttime' => 'moment',
        '#index' => 'gid active',
        '#unique' => ['username' => 'username', 'token' => 'token'],
    ],
    'groups' => [
        'gid' => 'id', 'childof' => 'ref', 'friendly_name' => 's64', 'description' => 'text?', 'active' => 'flag',
        '#index' => 'childof active',
    ],
    'user_group' => [
        'ugid' => 'id', 'uid' => 'ref', 'gid' => 'ref',
        '#index' => 'uid gid',
    ],
    'group_permissions' => [
        'gpid' => 'id', 'gid' => 'ref', 'handler' => 's64', 'action' => 's64', 'perm' => 'pick(0|1|2)=0',
        '#index' => 'gid handler',
    ],
    'user_permissions' => [
        'upid' => 'id', 'uid' => 'ref', 'handler' => 's64', 'action' => 's64', 'perm' => 'pick(0|1|2)=0',
        '#index' => 'uid handler',
    ],
    'user_quota' => [
        'qid' => 'id', 'uid' => 'ref', 'handler' => 's64', 'what' => 's255', 'setting' => 's255',
        '#index' => 'uid handler',
    ],
    'group_quota' => [
        'qid' => 'id', 'gid' => 'ref', 'handler' => 's64', 'what' => 's255', 'setting' => 's255',
        '#index' => 'gid handler',
    ],
    'user_accounting' => [
        'rkey' => 'id', 'uid' => 'ref', 'when' => 's16', 'what' => 's255', 'setting' => 's255',
        '#index' => 'uid',
    ],
    'user_smslogging' => [
        'sid' => 'id', 'uid' => 'ref', 'moment' => 'moment', 'type' => 'int(10) unsigned',
        '#index' => 'uid',
    ],
    'user_foldersettings' => [
        'handler' => 's64', 'fid' => 'ref', 'uid' => 'ref', 'key' => 's255', 'val' => 'blob',
        '#index' => 'handler fid uid',
        '#unique' => ['xkey' => 'handler,fid,uid,key'],
    ],
    'user_favouritefolders' => [
        'ffid' => 'id', 'uid' => 'ref', 'handler' => 's64', 'fid' => 'ref',
        '#index' => 'uid handler fid',
    ],
    'share_folder' => [
        'shid' => 'id', 'handler' => 's64', 'fid' => 'ref', 'owner' => 'ref?', 'uid' => 'ref?', 'gid' => 'ref?',
        '#index' => 'handler fid owner uid gid',
    ],
    'share_item' => [
        'shid' => 'id', 'handler' => 's64', 'idx' => 'ref', 'owner' => 'ref?', 'uid' => 'ref?', 'gid' => 'ref?',
        '#index' => 'handler owner uid gid',
    ],
];
