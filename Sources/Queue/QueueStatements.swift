public import Postgres

/// Every statement of the queue. What changes something is a function of `Migrations/0008_run_and_close_tasks.sql`.
public enum QueueStatements {
    static let claim = Statement("claim_tasks", "select * from claim_tasks($1, $2, $3, $4)")
    /// What the tasks of new leases are.
    static let claimed = Statement(
        "claimed_tasks",
        """
        select l.lease, l.task_id, l.attempt::int, l.wallet_id, w.mode::text, m.name, t.operation::text, t.request,
            t.created_at, t.group_id, (extract(epoch from clock_timestamp() - t.started_at) * 1000)::bigint
        from leases l join tasks t on t.id = l.task_id join models m on m.id = t.model_id
            join wallets w on w.id = l.wallet_id
        where l.lease = any($1) order by l.task_id
        """)
    static let renew = Statement("renew_leases", "select * from renew_leases($1, $2, $3)")
    static let close = Statement("close_tasks", "select * from close_tasks($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)")
    static let cancel = Statement("cancel_tasks", "select * from cancel_tasks($1, $2, $3)")
    static let handBack = Statement("return_tasks", "select return_tasks($1, 'handed_back')")
    /// Index `leases_task_id_key`.
    static let leaseOf = Statement("task_lease", "select lease from leases where task_id = $1")
    static let rescue = Statement("rescue_tasks", "select rescue_tasks($1)")
    static let deferTask = Statement("defer_task", "select defer_task($1, $2)")
    static let returnDeferred = Statement("return_deferred_tasks", "select return_deferred_tasks()")
    static let notify = Statement("notify_tasks", "select pg_notify('tasks', '')")

    /// All of them, for the test that prepares each on a fresh database.
    public static let all = [claim, claimed, renew, close, cancel, handBack, leaseOf, rescue, deferTask, returnDeferred, notify]
}
