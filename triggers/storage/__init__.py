"""The edge to Azure Storage: blobs and connections."""
