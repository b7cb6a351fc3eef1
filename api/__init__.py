"""HTTP in, HTTP out: what clients ask of jobs, answered from the records and the blob store."""
