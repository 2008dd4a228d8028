// The front end of this application works without a script.
