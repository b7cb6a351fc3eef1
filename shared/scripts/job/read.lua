-- Reads a job's record and, while it is queued, how many jobs are before it, and how much of them and
-- of itself is left to paint.
--
-- Keys: record, waiting, running, work_left
-- Arguments:
--   exact  how many of the jobs before it are added up one by one; the others count as the mean of
--          all queued jobs
-- Returns {fields and values}, or {fields and values, rank, work ahead, work left} while it is
-- queued; no fields if the job does not exist, only its id if the key holds something else than a record.
return read_job(record, id, waiting, running, work_left, exact)
