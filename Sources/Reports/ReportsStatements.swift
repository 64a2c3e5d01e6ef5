public import Postgres

/// Every statement of the reports. They only read, except for the fold.
public enum ReportsStatements {
    /// One task by its number.
    static let task = Statement("task_view", "select * from task_views where id = $1")
    /// What was tried for a task, the present attempt last.
    static let attempts = Statement(
        "task_attempts",
        """
        select number::int, node, provider, outcome::text, started_at, ended_at from attempts where task_id = $1
        union all
        select attempt::int, node, null, case when deferred then 'put aside' else 'running' end, started_at, null
        from leases where task_id = $1
        order by 1 desc limit 50
        """)
    /// Those of some tasks that are no longer as somebody knows them; null is not known at all.
    static let changedTasks = Statement(
        "task_changes",
        """
        select v.* from unnest($1::bigint[], $2::text[], $3::int[]) k (id, state, progress) join task_views v using (id)
        where (v.state, v.progress) is distinct from (k.state, k.progress)
        """)
    /// The newest tasks; with an account by index `tasks_of_wallet`, else by the primary key.
    static let tasks = Statement(
        "task_list",
        """
        select v.* from (
                select n.id from accounts a join wallets w on w.account_id = a.id cross join lateral (
                    select id from tasks t where t.wallet_id = w.id and ($2::text is null or t.state::text = $2)
                    order by id desc limit 200) n
                where a.name = $1
                union all
                (select id from tasks t where $1::text is null and ($2::text is null or t.state::text = $2)
                    order by id desc limit 200)) n
            join task_views v using (id)
        order by id desc limit 200
        """)
    /// Some tasks by their numbers.
    static let batch = Statement("task_batch", "select * from task_views where id = any($1) order by id desc")
    /// Which tasks of a wallet are on a page, and how many there are of their kind in the window that one page looks at,
    /// which is ``TaskPage/windowMax``. The order by both columns is one that only the wallet's index has: by the primary
    /// key a wallet of old tasks would be looked for among everybody's.
    static let page = Statement(
        "task_page",
        """
        select s.total, s.seen, s.oldest, p.id
        from (
            select count(*) filter (where w.wanted) total, count(*) seen, min(w.id) oldest,
                array_agg(w.id order by w.id desc) filter (where w.wanted) ids
            from (
                select t.id, ($3::text is null or t.state::text = $3)
                    and ($4::text is null or t.model_id = (select id from models where name = $4)) wanted
                from tasks t
                where (t.wallet_id, t.id) < ($1, coalesce($2::bigint, 9223372036854775807)) and t.wallet_id >= $1
                order by t.wallet_id desc, t.id desc limit 10000) w) s
            left join lateral unnest(s.ids[$5::int + 1 : $5::int + $6::int]) p (id) on true
        """)
    /// More rows than this are refused, because a sum over a part of them would pass for the total.
    static let usageRowsMax = 100_000
    /// One row per value of a dimension and currency of costs, from the rollups of one grain (partition pruning) and the
    /// facts that are not folded yet (index `usage_facts_id`), in one snapshot. The limit is one above `usageRowsMax`.
    static let usage = Statement(
        "usage",
        """
        select case $8::text
                when 'day' then to_char(s.moment at time zone 'UTC', 'YYYY-MM-DD')
                when 'hour' then to_char(s.moment at time zone 'UTC', 'YYYY-MM-DD HH24":00"')
                when 'group' then (select g.name from user_groups g where g.id = s.number)
                when 'account' then (select a.name from accounts a where a.id = s.number)
                when 'key' then s.number::text
                when 'model' then (select m.name from models m where m.id = s.number)
                else coalesce(nullif(s.provider, ''), '-') end label,
            s.currency, s.submitted, s.completed, s.failed, s.cancelled, s.reserved, s.settled, s.refunded, s.cost, s.possible
        from (
            select case $8 when 'day' then date_trunc('day', u.at, 'UTC') when 'hour' then u.at end moment,
                case $8 when 'group' then u.group_id when 'account' then u.account_id when 'key' then u.key_id
                    when 'model' then u.model_id end number,
                case $8 when 'provider' then u.provider end provider, u.currency,
                sum(u.submitted)::bigint submitted, sum(u.completed)::bigint completed, sum(u.failed)::bigint failed,
                sum(u.cancelled)::bigint cancelled, sum(u.reserved)::bigint reserved, sum(u.settled)::bigint settled,
                sum(u.refunded)::bigint refunded, sum(u.cost)::bigint as cost, sum(u.possible)::bigint possible
            from (
                select at, mode, group_id, model_id, account_id, key_id, provider, currency, submitted, completed, failed,
                    cancelled, reserved, settled, refunded, cost, possible
                from usage_rollups where grain = $9::usage_grain
                union all
                select at, mode, group_id, model_id, account_id, key_id, provider, currency, submitted, completed, failed,
                    cancelled, reserved, settled, refunded, cost, possible
                from usage_tail) u
            where u.mode = $7::account_mode
                and ($1::text is null or u.group_id = (select id from user_groups where name = $1))
                and ($2::text is null or u.account_id = (select id from accounts where name = $2))
                and ($3::bigint is null
                    or u.key_id = $3 and u.account_id = (select account_id from api_keys where id = $3))
                and ($4::text is null or u.model_id = (select id from models where name = $4))
                and u.at >= coalesce($5::timestamptz, '-infinity') and u.at < coalesce($6::timestamptz, 'infinity')
            group by 1, 2, 3, 4) s
        order by s.moment, case $8 when 'key' then s.number end, label, s.currency limit 100001
        """)
    /// Whether the names that a report is narrowed by exist.
    static let known = Statement(
        "usage_known",
        """
        select ($1::text is null or exists (select from user_groups where name = $1)),
            ($2::text is null or exists (select from accounts where name = $2)),
            ($3::bigint is null or exists (select from api_keys where id = $3)),
            ($4::text is null or exists (select from models where name = $4))
        """)
    static let fold = Statement("usage_fold", "select fold_usage()")
    /// By ids, of which some were never used; counting would read every fact.
    static let backlog = Statement(
        "usage_backlog",
        "select coalesce((select max(id) from usage_facts), 0) - folded_to from usage_fold")

    /// All of them, for the test that prepares each on a fresh database.
    public static let all = [task, attempts, changedTasks, tasks, batch, page, usage, known, fold, backlog]
}
