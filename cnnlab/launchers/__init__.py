"""Handing a sweep's jobs out: one after another here, or to joblib, submitit or Ray."""
