{subject}

{starts} - {ends}
