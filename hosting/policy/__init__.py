"""Pure decisions on values: no clock, no file, no database; time comes in as an argument."""
