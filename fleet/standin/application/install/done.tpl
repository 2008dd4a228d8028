<!DOCTYPE html>
<html><head><meta charset="UTF-8"><title>{title}</title></head><body>
<h1>{title}</h1>
<p>{folder}</p>
<p>{script}</p>
<p>{done} <a href="config.php">config.php</a></p>
</body></html>
