import Postgres

/// The checks of what stands around the tasks: grants with a date, codes, caps, idempotency keys and the outbox.
extension LedgerProof {
    static let aroundTasks = [
        grantsEqualEntries, grantsEqualWallets, drawsEqualTasks, codesEqualEntries, quotasEqualTasks, limitsEqualTasks,
        keysHaveTasks, callbacksEqualTasks,
    ]

    private static let grantsEqualEntries = Statement(
        "grants_equal_entries",
        """
        with sums as (
            select grant_id, max(wallet_id) wallet_id, coalesce(sum(amount) filter (where kind = 'grant'), 0) granted,
                coalesce(sum(amount) filter (where kind = 'expire'), 0) expired
            from entries where grant_id is not null group by grant_id)
        select 'grant ' || coalesce(g.id, s.grant_id),
            format('granted %s and expired %s, by entries %s and %s', g.amount, g.expired, s.granted, s.expired)
        from expiring_grants g full join sums s on s.grant_id = g.id
        where (g.amount, g.expired, g.wallet_id) is distinct from (s.granted, s.expired, s.wallet_id) limit 100
        """)

    private static let grantsEqualWallets = Statement(
        "grants_equal_wallets",
        """
        with sums as (
            select wallet_id, sum(remaining) remaining, min(expires_at) nearest
            from expiring_grants where remaining > 0 group by wallet_id)
        select 'wallet ' || w.id, format('expiring %s from %s on, by grants %s from %s on', w.expiring, w.next_expiry,
            coalesce(s.remaining, 0), s.nearest)
        from wallets w left join sums s on s.wallet_id = w.id
        where (w.expiring, w.next_expiry) is distinct from (coalesce(s.remaining, 0), s.nearest) limit 100
        """)

    private static let drawsEqualTasks = Statement(
        "draws_equal_tasks",
        """
        select 'grant ' || g.id, format('reserved %s, drawn by live tasks %s', g.reserved, coalesce(s.amount, 0))
        from expiring_grants g left join (
            select d.grant_id, sum(d.amount) amount
            from draws d join tasks t on t.id = d.task_id and t.finished_at is null
                join expiring_grants g on g.id = d.grant_id and g.wallet_id = t.wallet_id
            group by d.grant_id) s on s.grant_id = g.id
        where g.reserved <> coalesce(s.amount, 0)
        union all
        select 'task ' || d.task_id, format('draws %s, reserved %s', d.amount, t.reserved)
        from (select task_id, sum(amount) amount from draws group by task_id) d left join tasks t on t.id = d.task_id
        where t.id is null or t.finished_at is not null or d.amount > t.reserved
        limit 100
        """)

    private static let codesEqualEntries = Statement(
        "codes_equal_entries",
        """
        select 'code ' || c.id, format('redeemed as entry %s, which is not a grant of %s to its wallet', c.entry_id, c.amount)
        from redemption_codes c left join entries e on e.id = c.entry_id
        where c.redeemed_at is not null
            and (e.kind, e.amount, e.wallet_id) is distinct from ('grant'::entry_kind, c.amount, c.wallet_id)
        limit 100
        """)

    private static let quotasEqualTasks = Statement(
        "quotas_equal_tasks",
        """
        select format('cap %s of %s %s', q.id, q.scope, q.subject_id), format('counted %s of the day and %s of the month, '
            'by tasks %s and %s', q.day_used, q.month_used, s.day, s.month)
        from quotas q, lateral (select quota_spent(q.scope, q.subject_id, q.day_start) as day,
            quota_spent(q.scope, q.subject_id, q.month_start) as month) s
        where (q.day_used, q.month_used) <> (s.day, s.month) limit 100
        """)

    private static let limitsEqualTasks = Statement(
        "limits_equal_tasks",
        """
        select format('limit %s of wallet %s', c.limit_id, c.wallet_id), format('counted %s waiting and %s running, there are '
            '%s and %s', c.pending, c.running, coalesce(s.pending, 0), coalesce(s.running, 0))
        from limit_counters c left join (
            select o.wallet_id, o.key_id, o.model_id, o.limit_id, count(*) filter (where t.state = 'pending') pending,
                count(*) filter (where t.state = 'processing') running
            from limit_counters o join tasks t on t.wallet_id = o.wallet_id and t.state in ('pending', 'processing')
                and o.key_id in (0, t.key_id) and o.model_id in (0, t.model_id)
            group by 1, 2, 3, 4) s using (wallet_id, key_id, model_id, limit_id)
        where (c.pending, c.running) <> (coalesce(s.pending, 0), coalesce(s.running, 0))
        union all
        select 'wallet ' || w.id, format('limited: %s, but its counters and lanes say otherwise', w.limited)
        from wallets w
        where w.limited <> exists (select from limit_counters c where c.wallet_id = w.id)
            or w.limited and exists (select from queue q where q.wallet_id = w.id and q.key_id is null)
        limit 100
        """)

    private static let keysHaveTasks = Statement(
        "keys_have_their_tasks",
        """
        select 'wallet ' || i.wallet_id, format('an idempotency key names task %s, which is not the wallet''s', i.task_id)
        from idempotency i left join tasks t on t.id = i.task_id and t.wallet_id = i.wallet_id
        where i.task_id is not null and t.id is null limit 100
        """)

    private static let callbacksEqualTasks = Statement(
        "callbacks_equal_tasks",
        """
        select 'task ' || coalesce(t.id, c.task_id),
            format('%s, %s row in the outbox', coalesce(t.state::text, 'no task'), (c.id is not null)::int)
        from (select id, state, finished_at from tasks where callback_url is not null) t
            full join callbacks c on c.task_id = t.id
        where (t.finished_at is not null) <> (c.id is not null) limit 100
        """)
}
