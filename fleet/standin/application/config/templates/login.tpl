<h1>{title}</h1>
<p class="error">{error}</p>
<form action="{action}" name="authform" id="authform" method="post">
<label>{msg_user} <input id="user" type="text" name="user" value="{user}"></label>
<label>{msg_password} <input id="pw" type="password" name="pass"></label>
<input type="submit" value="{msg_login}">
</form>
