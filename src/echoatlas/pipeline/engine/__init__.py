"""The one room that knows Ray: tasks that can be halved, jobs that can be followed."""
