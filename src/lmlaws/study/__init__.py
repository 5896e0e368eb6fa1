"""The study: what can only be measured, measured on models trained here, with intervals, exact limits and nulls."""
