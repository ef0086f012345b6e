"""A search by Optuna: Hydra's overrides are the space, ordinary runs are the trials."""
