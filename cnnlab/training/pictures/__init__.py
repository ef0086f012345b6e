"""Pictures of data, training and test, as matplotlib figures, a file for each. No runs in here."""
