"""Background jobs: specification, journal, control, supervision and alarms."""
