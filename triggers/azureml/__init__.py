"""The edge to Azure Machine Learning: one POST, its outcomes told apart, and the tokens for it."""
