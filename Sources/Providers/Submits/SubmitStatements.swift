public import Postgres

/// The statements of submits. What changes something is a function of `Migrations/0016_provider_submits.sql`.
public enum SubmitStatements {
    static let begin = Statement("begin_submit", "select * from begin_submit($1, $2, $3, $4, $5, $6, $7)")
    static let record = Statement("record_submit", "select record_submit($1, $2, $3, $4, $5, $6, $7)")
    /// Those of a task, from the first on.
    static let ofTask = Statement(
        "submits_of_task",
        "select * from submit_views where task_id = $1 order by id")
    static let some = Statement(
        "submits",
        "select * from submit_views where id = any($1) order by id")
    static let late = Statement("late_submits", "select late_submits($1, $2)")
    /// A hint for each reference.
    static let notify = Statement("notify_submits", "select pg_notify('submits', reference) from unnest($1::text[]) reference")

    /// All of them, for the test that prepares each on a fresh database.
    public static let all = [begin, record, ofTask, some, late, notify]
}
