"""Starts Azure Machine Learning pipelines on a clock and on data."""
