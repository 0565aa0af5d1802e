"""The pure core: what to start, when and under which key; it knows no Azure, no HTTP and no clock."""
