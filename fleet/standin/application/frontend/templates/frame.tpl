<!DOCTYPE html>
<html><head><meta charset="UTF-8"><title>{title}</title><link rel="stylesheet" href="{css}"></head>
<body>{!body}</body></html>
