<?php

/** The tables of contacts: column => type, in the words of Schema. */

defined('_IN_PHM_') || exit;

return [
    'adb_adr' => [
        'aid' => 'id', 'owner' => 'ref', 'visibility' => 'pick(private|public)=private', 'uuid' => 's255',
        'nick' => 's255', 'firstname' => 's255', 'thirdname' => 's255', 'lastname' => 's255', 'title' => 's255',
        'customer_number' => 's32', 'company' => 's255', 'comp_dep' => 's255', 'comp_address' => 's255',
        'comp_address2' => 's255', 'comp_street' => 's255', 'comp_zip' => 's16', 'comp_location' => 's255',
        'comp_region' => 's255', 'comp_country' => 's255', 'comp_role' => 's255',
        'comp_geo_lat' => 'double(9,6)?', 'comp_geo_long' => 'double(9,6)?', 'comp_cellular' => 's255',
        'comp_fax' => 's255', 'tel_business' => 's255', 'comp_www' => 's255', 'address' => 's255',
        'address2' => 's255', 'street' => 's255', 'zip' => 's16', 'location' => 's255', 'country' => 's255',
        'region' => 's255', 'personal_geo_lat' => 'double(9,6)?', 'personal_geo_long' => 'double(9,6)?',
        'birthday' => 'date=0000-00-00', 'bday_cal_evt_id' => 'ref?', 'email1' => 's255', 'email2' => 's255',
        'tel_private' => 's255', 'cellular' => 's255', 'fax' => 's255', 'www' => 's255', 'comments' => 'text?',
        'image' => 'blob?', 'imagemeta' => 's255', 'type' => 'pick(user|contact)=contact',
        '#index' => 'owner',
    ],
    'adb_group' => [
        'gid' => 'id', 'owner' => 'ref', 'name' => 's255', 'type' => 'tiny', 'uri' => 'text?',
        'ext_un' => 's255?', 'ext_pw' => 's255?', 'mime' => 's255', 'laststatus' => 'tiny',
        'lasterror' => 'text?',
        '#index' => 'owner',
    ],
    'adb_adr_group' => [
        'agid' => 'id', 'aid' => 'ref', 'gid' => 'ref', 'uid' => 'ref',
        '#index' => 'gid uid',
        '#unique' => ['aguid' => 'aid,gid,uid'],
    ],
    'adb_freefield' => [
        'id' => 'id', 'aid' => 'ref', 'type_id' => 'ref', 'value' => 'text',
        '#unique' => ['aid_type' => 'aid,type_id'],
    ],
    'adb_freefield_type' => [
        'id' => 'id', 'uid' => 'ref', 'name' => 's255', 'token' => 's255',
        'type' => 'pick(text|textarea|number|date)=text', 'status' => 'flag=1',
        '#index' => 'uid',
        '#unique' => ['uid_name' => 'uid,name', 'uid_token' => 'uid,token'],
    ],
    'adb_attachemnts' => [
        'id' => 'id', 'aid' => 'ref', 'files_id' => 'ref',
    ],
];
