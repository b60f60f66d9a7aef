-- What runs later: the tables of the job queue (pgqueuer's own), and which encryption keys this database was sealed with.
SELECT 1;
