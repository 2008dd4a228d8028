"""Programs that a run sends to a server and starts there: standard library only, none of our packages."""
