-- Reads a job's record and, while it waits, how many jobs are before it, and how much they and it
-- itself have left to paint.
--
-- Keys: record, waiting, running, work_left
-- Arguments:
--   exact  how many of the jobs before it are added up one by one; for the rest the mean of all that
--          wait is taken
-- Returns {fields and values}, or {fields and values, rank, work ahead, work left} where it waits; no
-- fields where there is no such job, its id alone where the key holds something else than a record.
return read_job(record, id, waiting, running, work_left, exact)
