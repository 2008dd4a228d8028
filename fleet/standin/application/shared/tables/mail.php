<?php

/** The tables of mail: column => type, in the words of Schema. */

defined('_IN_PHM_') || exit;

return [
    'profiles' => [
        'id' => 'id', 'uid' => 'ref', 'accid' => 'int', 'order' => 'int', 'accname' => 's32',
        'acctype' => 'pick(pop3|imap)=pop3', 'sig_on' => 'flag', 'checkevery' => 'int', 'leaveonserver' => 'flag',
        'localkillserver' => 'flag', 'cachetype' => 'pick(none|struct|full)=struct', 'onlysubscribed' => 'flag',
        'checkspam' => 'flag', 'trustspamfilter' => 'flag=1', 'inbox' => 'int', 'sent' => 'int',
        'drafts' => 'int', 'junk' => 'int', 'waste' => 'int', 'templates' => 'int', 'archive' => 'int',
        'popserver' => 's255', 'popport' => 's8', 'popuser' => 's255', 'poppass' => 's64',
        'popsec' => 'pick(SSL|STARTTLS|AUTO|none)=none', 'popallowselfsigned' => 'flag', 'smtpserver' => 's255',
        'smtpport' => 'int', 'smtpuser' => 's255', 'smtppass' => 's64',
        'smtpsec' => 'pick(SSL|STARTTLS|AUTO|none)=AUTO', 'smtpallowselfsigned' => 'flag', 'real_name' => 's255',
        'address' => 's255', 'signature' => 'ref', 'sendvcf' => 'pick(none|priv|busi|all)=none',
        'logintime' => 'moment', 'imapprefix' => 's255', 'userheaders' => 'blob?',
        'server_lastcheck' => 'moment?', 'server_top' => 'flag?', 'server_user' => 'flag?',
        'server_uidl' => 'flag?', 'server_stls' => 'flag?', 'server_resp_codes' => 'flag?',
        'server_pipelining' => 'flag?', 'server_expire' => 'int?', 'server_login_delay' => 'int?',
        'server_implementation' => 's255?',
        '#index' => 'uid',
    ],
    'profile_alias' => [
        'aid' => 'id', 'uid' => 'ref', 'profile' => 'ref', 'real_name' => 's255', 'email' => 's255',
        'signature' => 'ref?', 'sendvcf' => 'pick(none|priv|busi|all|default)=default',
        '#index' => 'uid',
    ],
    'signatures' => [
        'id' => 'id', 'uid' => 'ref', 'title' => 's32', 'signature' => 'blob?', 'signature_html' => 'blob?',
        '#index' => 'uid',
    ],
    'email_folders' => [
        'idx' => 'id', 'uid' => 'ref', 'layered_id' => 'ref', 'folder_path' => 'text?', 'friendly_name' => 's255',
        'childof' => 'ref', 'uuid' => 's255', 'att_type' => 'tiny', 'att_icon' => 'text?',
        'att_big_icon' => 'text?', 'att_has_folders' => 'flag', 'att_has_items' => 'flag', 'mailnum' => 'int',
        'mailsize' => 'ref', 'unread' => 'ref', 'unseen' => 'flag', 'srv_unseen' => 'ref', 'uidnext' => 'ref',
        'uidvalidity' => 'ref', 'stale' => 'flag', 'visible' => 'flag=1', 'secure' => 'flag',
        '#index' => 'uid childof',
    ],
    'email_index' => [
        'idx' => 'id', 'folder_id' => 'ref', 'uid' => 'ref', 'uidl' => 's255',
        'type' => 'pick(mail|sms|ems|mms|fax|appointment|away|receipt|sysmail)=mail', 'hfrom' => 'text?',
        'hto' => 'text?', 'hsubject' => 'text?', 'hdate_sent' => 'moment', 'hdate_recv' => 'moment',
        'hcc' => 'text?', 'hbcc' => 'text?', 'search_body' => 'text', 'search_body_type' => 's64=none',
        'hmessage_id' => 'text', 'hsize' => 'ref', 'hpriority' => 'tiny', 'attachments' => 'flag',
        'read' => 'flag', 'answered' => 'flag', 'forwarded' => 'flag', 'bounced' => 'flag', 'cached' => 'flag',
        'seen' => 'flag', 'struct' => 'longblob?', 'profile' => 'ref', 'ouidl' => 's255', 'dsn_sent' => 'flag',
        'colour' => 's6?', 'htmlunblocked' => 'flag',
        '#index' => 'folder_id uid',
    ],
    'email_threads' => [
        'idx' => 'id', 'uid' => 'ref', 'known_mails' => 'ref',
        '#index' => 'uid',
    ],
    'email_thread_items' => [
        'id' => 'id', 'uid' => 'ref', 'thread_id' => 'ref', 'mail_id' => 'ref?', 'hmessage_id' => 'text',
        '#index' => 'uid',
        '#unique' => ['threadmailkey' => 'thread_id,mail_id'],
    ],
    'email_uidlcache' => [
        'idx' => 'id', 'profile' => 'ref', 'uidl' => 's255',
    ],
    'email_whitelist' => [
        'id' => 'id', 'uid' => 'ref', 'filter' => 's255',
        '#index' => 'uid',
        '#unique' => ['xkey' => 'uid,filter'],
    ],
    'email_filters' => [
        'filter' => 'id', 'uid' => 'ref', 'name' => 's64', 'type' => 'pick(incoming|outgoing|system)=incoming',
        'active' => 'flag', 'layered_id' => 'ref', 'match' => 'pick(any|all)=any', 'move' => 'flag',
        'move_to' => 'text?', 'copy' => 'flag', 'copy_to' => 'text?', 'forward' => 'flag', 'forward_to' => 'text?',
        'mark_read' => 'flag', 'mark_junk' => 'flag', 'delete' => 'flag', 'archive' => 'flag', 'run_script' => 'flag', 'script_name' => 's255',
        'sms_minpause' => 'ref', 'email_minpause' => 'ref',
        '#index' => 'uid active',
    ],
    'email_filterrules' => [
        'id' => 'id', 'filter' => 'ref', 'field' => 's32', 'operator' => 's32', 'search' => 'text?',
    ],
    'email_boilerplates' => [
        'id' => 'id', 'gid' => 'ref', 'owner' => 'ref', 'type' => 'pick(text|html)=text', 'name' => 's48',
        'body' => 'blob?',
        '#index' => 'gid owner',
    ],
    'email_boilerplate_groups' => [
        'id' => 'id', 'owner' => 'ref', 'layered_id' => 'ref', 'name' => 's64', 'childof' => 'ref',
        '#index' => 'owner childof',
    ],
];
