"""One promise each, told as a story; orchestration only."""
