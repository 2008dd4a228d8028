<h1>{title}</h1>
<p>{!menu}</p>
<p class="errorbox">{error}</p>
<p class="returnbox">{said}</p>
<div id="content">{!content}</div>
