<?php

/** The tables of the calendar: column => type, in the words of Schema. */

defined('_IN_PHM_') || exit;

return [
    'calendar_events' => [
        'id' => 'id', 'uid' => 'ref', 'gid' => 'ref', 'pid' => 'ref', 'uuid' => 's255', 'title' => 's255',
        'location' => 's255', 'description' => 'longtext?', 'starts' => 'moment', 'ends' => 'moment',
        'lastmod' => 'moment?', 'type' => 'int', 'status' => 'int', 'opaque' => 'flag=1', 'archived' => 'flag',
        '#index' => 'uid gid',
    ],
    'calendar_event_attachments' => [
        'id' => 'id', 'eid' => 'ref', 'ref' => 'pick(evt|tsk|jou)=evt', 'files_id' => 'ref',
    ],
    'calendar_event_attendees' => [
        'id' => 'id', 'eid' => 'ref', 'ref' => 'pick(evt|tsk|jou)=evt', 'name' => 's255', 'email' => 's255',
        'role' => 'pick(chair|req|opt|non)=opt', 'type' => 'pick(person|group|resource|room|unknown)=person', 'mailhash' => 's64',
        'invited' => 'moment?', 'rsvp' => 'moment?', 'status' => 'int',
        '#unique' => ['eid_ref_name_email' => 'ref,eid,name,email', 'mailhash' => 'mailhash'],
    ],
    'calendar_event_reminders' => [
        'id' => 'id', 'eid' => 'ref', 'ref' => 'pick(evt|tsk|jou)=evt', 'uid' => 'ref', 'time' => 'ref?',
        'snooze' => 'moment', 'lastinfo' => 'moment', 'mode' => 'pick(-|s|e)=-', 'text' => 's255',
        'mailto' => 's255', 'smsto' => 's20',
        '#index' => 'uid',
    ],
    'calendar_event_repetitions' => [
        'id' => 'id', 'eid' => 'ref', 'ref' => 'pick(evt|tsk|jou)=evt',
        'type' => 'pick(-|day|week|month|year|disable)=-', 'repeat' => 'int', 'extra' => 's255', 'until' => 'moment?',
    ],
    'calendar_groups' => [
        'gid' => 'id', 'owner' => 'ref', 'name' => 's255', 'colour' => 's6?', 'type' => 'tiny', 'uri' => 'text?',
        'ext_un' => 's255?', 'ext_pw' => 's255?', 'mime' => 's255', 'rw' => 'pick(ro|rw)=rw',
        'laststatus' => 'tiny', 'lasterror' => 'text?',
        '#index' => 'owner',
    ],
    'calendar_tasks' => [
        'id' => 'id', 'uid' => 'ref', 'gid' => 'ref', 'pid' => 'ref', 'uuid' => 's255', 'title' => 's255',
        'location' => 's255', 'description' => 'longtext?', 'starts' => 'moment?', 'ends' => 'moment?',
        'lastmod' => 'moment?', 'importance' => 'int=1', 'completion' => 'int', 'type' => 'int',
        'status' => 'int', 'archived' => 'flag',
        '#index' => 'uid gid',
    ],
    'calendar_projects' => [
        'id' => 'id', 'uid' => 'ref', 'gid' => 'ref', 'uuid' => 's255', 'title' => 's255',
        'location' => 's255', 'description' => 'longtext?', 'starts' => 'moment?', 'ends' => 'moment?',
        'lastmod' => 'moment?', 'importance' => 'int=1', 'completion' => 'int', 'status' => 'int',
        '#index' => 'uid gid',
    ],
    'calendar_holidays' => [
        'hid' => 'id', 'uid' => 'ref', 'gid' => 'ref', 'hname' => 's255', 'hdate' => 'date=0000-00-00',
        'recurring' => 'flag',
        '#index' => 'uid gid',
    ],
];
