"""The Azure Machine Learning client: submits, looks up, polls and cancels runs, and gets the tokens for that."""
