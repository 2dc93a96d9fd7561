"""A release explains itself: card, sources, changes, Croissant and HealthDCAT-AP records."""
