"""Figures: each module turns plain values into one matplotlib figure."""
