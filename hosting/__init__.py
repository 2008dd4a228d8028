"""The service itself: what is owed, what phlyMail is, what is true. No Prefect, no network."""
