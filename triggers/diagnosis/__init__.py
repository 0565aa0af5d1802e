"""What `doctor` looks at: the app's surroundings, asked by real calls; nothing is submitted and nothing is written."""
