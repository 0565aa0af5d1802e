"""The checks of `doctor`: they test the app's surroundings by real calls; nothing is submitted or written."""
