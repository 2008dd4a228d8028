"""`python -m fleet …`, the same as `phm fleet …`."""

from fleet.console import app

app(prog_name="python -m fleet")
