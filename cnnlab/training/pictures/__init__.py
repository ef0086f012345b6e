"""Pictures of a test, as matplotlib figures: one file for each. They know arrays, and no runs."""
