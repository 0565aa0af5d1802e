"""The pure core: decides what to start, when, and under which key. Knows nothing of Azure, HTTP or the clock."""
