"""The processes of the embedded default: Prefect server, worker, warm parent, receiver."""
