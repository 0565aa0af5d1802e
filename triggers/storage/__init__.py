"""Access to Azure Storage: blobs and connections."""
