"""Figures of results, scores, features and trainings."""
