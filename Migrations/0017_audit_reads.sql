-- Why: `zadmin audit` reads the newest lines of everybody or of one actor, however long the log is.

create index audit_log_by_time on audit_log (at, id);
create index audit_log_by_actor on audit_log (actor, at, id);
