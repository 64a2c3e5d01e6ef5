public import Postgres

/// Every statement of the reports. They only read.
public enum ReportsStatements {
    /// One task by its number.
    static let task = Statement(
        "task_view",
        """
        select t.id, t.state::text, t.account_id, a.name, w.mode::text, m.name, t.dialect, p.rule::text, g.name,
            t.reserved, t.settled, t.created_at, t.started_at, t.finished_at,
            case when t.state = 'completed' then 100 else coalesce(l.progress, 0) end::int, m.estimated_seconds,
            t.error_code, t.error_message, t.images::text, t.callback_url
        from tasks t join accounts a on a.id = t.account_id join wallets w on w.id = t.wallet_id
            join models m on m.id = t.model_id join prices p on p.id = t.price_id
            join user_groups g on g.id = t.group_id left join leases l on l.task_id = t.id
        where t.id = $1
        """)
    /// The newest tasks; with an account by index `tasks_of_account`, else by the primary key.
    static let tasks = Statement(
        "task_list",
        """
        select t.id, t.state::text, t.account_id, a.name, w.mode::text, m.name, t.dialect, p.rule::text, g.name,
            t.reserved, t.settled, t.created_at, t.started_at, t.finished_at,
            case when t.state = 'completed' then 100 else coalesce(l.progress, 0) end::int, m.estimated_seconds,
            t.error_code, t.error_message, t.images::text, t.callback_url
        from tasks t join accounts a on a.id = t.account_id join wallets w on w.id = t.wallet_id
            join models m on m.id = t.model_id join prices p on p.id = t.price_id
            join user_groups g on g.id = t.group_id left join leases l on l.task_id = t.id
        where ($1::text is null or t.account_id = (select id from accounts where name = $1))
            and ($2::text is null or t.state::text = $2)
        order by t.id desc limit 200
        """)
    /// One row per value of a dimension.
    static let usage = Statement(
        "usage",
        """
        select case $8::text
                when 'day' then to_char(f.at at time zone 'UTC', 'YYYY-MM-DD')
                when 'hour' then to_char(f.at at time zone 'UTC', 'YYYY-MM-DD HH24":00"')
                when 'account' then a.name
                when 'key' then f.key_id::text
                when 'model' then m.name
                else coalesce(f.provider, '-') end label,
            count(*) filter (where f.event = 'submitted'), count(*) filter (where f.event = 'completed'),
            count(*) filter (where f.event = 'failed'), count(*) filter (where f.event = 'cancelled'),
            sum(f.reserved)::bigint, sum(f.settled)::bigint, sum(f.refunded)::bigint
        from usage_facts f join accounts a on a.id = f.account_id join models m on m.id = f.model_id
            join user_groups g on g.id = f.group_id
        where f.mode = $7::account_mode
            and ($1::text is null or g.name = $1) and ($2::text is null or a.name = $2)
            and ($3::bigint is null or f.key_id = $3) and ($4::text is null or m.name = $4)
            and ($5::timestamptz is null or f.at >= $5) and ($6::timestamptz is null or f.at < $6)
        group by 1 order by 1 limit 10000
        """)
    /// Whether the names that a report is narrowed by exist.
    static let known = Statement(
        "usage_known",
        """
        select ($1::text is null or exists (select from user_groups where name = $1)),
            ($2::text is null or exists (select from accounts where name = $2)),
            ($3::text is null or exists (select from models where name = $3))
        """)

    /// All of them, for the test that prepares each on a fresh database.
    public static let all = [task, tasks, usage, known]
}
