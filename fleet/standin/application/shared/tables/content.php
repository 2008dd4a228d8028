<?php

/** The tables of files, bookmarks and feeds: column => type, in the words of Schema. */

defined('_IN_PHM_') || exit;

return [
    'files_folders' => [
        'idx' => 'id', 'uid' => 'ref', 'layered_id' => 'ref', 'folder_path' => 'text?', 'friendly_name' => 's255',
        'childof' => 'ref', 'uuid' => 's255', 'att_type' => 'tiny', 'att_icon' => 'text?',
        'att_big_icon' => 'text?', 'att_has_folders' => 'flag', 'att_has_items' => 'flag', 'filenum' => 'int',
        'filesize' => 'ref', 'ctime' => 'moment?', 'mtime' => 'moment?', 'shared' => 'flag',
        '#index' => 'uid childof',
    ],
    'files_index' => [
        'idx' => 'id', 'folder_id' => 'ref', 'uid' => 'ref', 'uuid' => 's255', 'file_name' => 's255',
        'friendly_name' => 's255', 'type' => 's255=application/octet-stream', 'img_w' => 'int', 'img_h' => 'int',
        'size' => 'ref', 'ctime' => 'moment?', 'atime' => 'moment?', 'mtime' => 'moment?', 'is_locked' => 'flag',
        '#index' => 'folder_id uid',
    ],
    'bookmarks_folder' => [
        'id' => 'id', 'uuid' => 's255', 'layered_id' => 'ref', 'childof' => 'ref', 'owner' => 'ref',
        'name' => 's255', 'description' => 'longtext?', 'type' => 'tiny', 'uri' => 'text?', 'ext_un' => 's255?',
        'ext_pw' => 's255?', 'mime' => 's255', 'laststatus' => 'tiny', 'lasterror' => 'text?',
        '#index' => 'childof owner',
    ],
    'bookmarks_item' => [
        'id' => 'id', 'uuid' => 's255', 'owner' => 'ref', 'fid' => 'ref', 'name' => 's255', 'url' => 'text?',
        'description' => 'longtext?', 'favourite' => 'flag', 'added' => 'moment?', 'modified' => 'moment?',
        'visited' => 'moment?',
        '#index' => 'owner fid',
    ],
    'rss_folder' => [
        'id' => 'id', 'name' => 's255', 'childof' => 'ref', 'uuid' => 's255', 'owner' => 'ref',
        '#index' => 'childof owner',
    ],
    'rss_feed' => [
        'id' => 'id', 'uuid' => 's255', 'owner' => 'ref', 'childof' => 'ref', 'name' => 's255',
        'description' => 'text?', 'xml_uri' => 'text?', 'html_uri' => 'text?', 'ext_un' => 's255?',
        'ext_pw' => 's255?', 'mime' => 's255', 'view' => 'pick(preview|fullpage|original)=preview',
        'updated' => 'moment?', 'laststatus' => 'tiny', 'lasterror' => 'text?',
        '#index' => 'owner childof',
    ],
    'rss_feed_item' => [
        'id' => 'id', 'uuid' => 's255', 'owner' => 'ref', 'feed_id' => 'ref', 'title' => 's255', 'url' => 'text?',
        'content' => 'longtext?', 'author' => 'text?', 'published' => 'moment?', 'added' => 'moment?',
        'read' => 'flag', 'forwarded' => 'flag', 'cached' => 'flag', 'seen' => 'flag',
        '#index' => 'owner',
    ],
    'rss_feed_uuid' => [
        'feed_id' => 'ref', 'uuid' => 's255',
        '#unique' => ['uniqueness' => 'feed_id,uuid'],
    ],
];
