<h1>{title}</h1>
<p>{user} · <a href="{inbox}">{msg_inbox}</a> · <a href="{files}">{msg_files}</a> · <a href="{logout}">{msg_logout}</a></p>
<p class="error">{error}</p>
<div id="content">{!content}</div>
