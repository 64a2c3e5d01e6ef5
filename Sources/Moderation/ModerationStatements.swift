public import Postgres

/// Every statement of moderation.
public enum ModerationStatements {
    static let epoch = Statement("moderation_epoch", "select epoch from moderation_epoch")
    static let words = Statement(
        "moderation_words",
        "select id, rule, category, level, built_in, created_at from moderation_words where removed_at is null order by id limit 10000")
    /// Serializes additions, so that the list stays within its limit; the lock ends with the transaction.
    static let lock = Statement("moderation_lock", "select pg_advisory_xact_lock(7013)::text is null")
    static let count = Statement("moderation_count", "select count(*) from moderation_words where removed_at is null")
    static let add = Statement(
        "moderation_add",
        """
        insert into moderation_words (rule, category, level) values ($1, $2, $3)
        on conflict (rule, level) where removed_at is null do nothing returning id
        """)
    static let remove = Statement(
        "moderation_remove",
        "update moderation_words set removed_at = clock_timestamp() where id = $1 and removed_at is null returning category, level")
    /// Whether an idempotency key has its answer already: primary key of `idempotency`.
    static let answered = Statement(
        "moderation_answered", "select exists (select from idempotency where wallet_id = $1 and key = $2)")
    static let pictureKey = Statement("moderation_picture_key", "select key_id from tasks where id = $1")
    static let record = Statement(
        "moderation_record",
        """
        insert into moderation_refusals (key_id, day, category, refused)
        select key_id, (now() at time zone 'UTC')::date, category, refused
        from unnest($1::bigint[], $2::text[], $3::bigint[]) i (key_id, category, refused) order by 1, 3
        on conflict (key_id, day, category) do update set refused = moderation_refusals.refused + excluded.refused
        """)
    static let today = Statement(
        "moderation_today",
        """
        select key_id, sum(refused)::bigint from moderation_refusals where day = (now() at time zone 'UTC')::date
        group by key_id
        """)
    static let report = Statement(
        "moderation_report",
        """
        select r.key_id, a.name, k.name, r.day::text, r.category, r.refused
        from moderation_refusals r join api_keys k on k.id = r.key_id join accounts a on a.id = k.account_id
        where r.day > (now() at time zone 'UTC')::date - $1::int and ($2::text is null or a.name = $2)
        order by r.day desc, r.refused desc, r.key_id, r.category limit 1000
        """)

    /// All of them, for the test that prepares each on a fresh database.
    public static let all = [
        epoch, words, lock, count, add, remove, answered, pictureKey, record, today, report,
    ]
}
