"""Measurements: what the budgets of the design are held against. Never run as tests."""
