public import Postgres

/// Every statement of admission.
public enum AdmissionStatements {
    /// Judges and writes a batch; see `Migrations/0007_admit_tasks.sql` for locks and order.
    static let admit = Statement(
        "admit_tasks", "select * from admit_tasks($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)")
    /// The last number of a block of 1,024 that now belongs to the asking node.
    static let nextBlock = Statement("task_id_block", "select nextval('task_id_blocks')")

    static let standing = Statement("rate_standing", "select * from rate_standing($1)")

    /// All of them, for the test that prepares each on a fresh database.
    public static let all = [admit, nextBlock, standing]
}
