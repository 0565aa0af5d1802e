"""The reconciler: each pass looks up, follows, retries and reports what is open or due."""
