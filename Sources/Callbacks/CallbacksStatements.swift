public import Postgres

/// Every statement of the outbox.
public enum CallbacksStatements {
    static let claim = Statement("claim_callbacks", "select * from claim_callbacks($1, $2)")
    static let delivered = Statement(
        "callback_delivered",
        """
        update callbacks set state = 'delivered', delivered_at = clock_timestamp(), last_status = $2, last_error = null
        where id = $1 and state = 'waiting'
        """)
    /// A null delay gives the callback up.
    static let failed = Statement(
        "callback_failed",
        """
        update callbacks set last_status = $2, last_error = $3,
            state = case when $4::bigint is null then 'given_up'::callback_state else state end,
            next_at = clock_timestamp() + coalesce($4, 0) * interval '1 millisecond'
        where id = $1 and state = 'waiting'
        """)

    /// All of them, for the test that prepares each on a fresh database.
    public static let all = [claim, delivered, failed]
}
