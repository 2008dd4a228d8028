"""The truth about the service: models, repository, sessions and migrations."""
