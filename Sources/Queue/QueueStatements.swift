public import Postgres

/// Every statement of the queue; their texts are functions of `Migrations/0008_run_and_close_tasks.sql`.
public enum QueueStatements {
    static let claim = Statement("claim_tasks", "select * from claim_tasks($1, $2, $3, $4)")
    static let renew = Statement("renew_leases", "select * from renew_leases($1, $2, $3)")
    static let close = Statement("close_tasks", "select * from close_tasks($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)")
    static let cancel = Statement("cancel_tasks", "select * from cancel_tasks($1, $2, $3)")
    static let handBack = Statement("return_tasks", "select return_tasks($1, 'handed_back')")
    static let rescue = Statement("rescue_tasks", "select rescue_tasks($1)")
    static let notify = Statement("notify_tasks", "select pg_notify('tasks', '')")

    /// All of them, for the test that prepares each on a fresh database.
    public static let all = [claim, renew, close, cancel, handBack, rescue, notify]
}
