"""What phlyMail is: its files, settings, editions and releases (all that changes if the application is another)."""
