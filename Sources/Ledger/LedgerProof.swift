public import Postgres

/// One thing that does not add up.
public struct Drift: Sendable, Equatable {
    /// Which check found it.
    public let check: String
    /// Whom it concerns: a wallet or a task, by number.
    public let subject: String
    /// What was found and what it should be.
    public let finding: String
}

/// The proof that entries, balances, reservations and tasks agree. Each check is a query that answers the rows that are
/// wrong, so an empty answer to all of them is the proof. Run in one snapshot.
public struct LedgerProof: Sendable {
    /// The proof has no state.
    public init() {}

    /// The checks in order: name and what they prove.
    public static let checks: [(name: String, proves: String)] = [
        ("wallets_equal_entries", "every balance equals the sum of its entries"),
        ("reserved_equals_live_tasks", "reserved credits are those of live tasks, no more and no less"),
        ("tasks_have_their_entries", "a live task has one reservation, a final one also one closing entry"),
        ("entries_have_their_tasks", "no entry belongs to a task that is not there"),
        ("queue_equals_tasks", "a pending task waits once, a processing task has one lease, others have neither"),
        ("counters_equal_tasks", "the counts of waiting and running tasks are right"),
        ("usage_equals_entries", "usage facts add up to the ledger"),
        ("costs_equal_bills", "the costs in usage facts are what providers are expected to bill"),
        ("grants_equal_entries", "a grant with a date began and expired by its entries"),
        ("grants_equal_wallets", "wallets know what expires in them, and when next"),
        ("draws_equal_tasks", "what is drawn from grants is drawn by live tasks of the same wallet, within their reservation"),
        ("codes_equal_entries", "a redeemed code is one grant of its amount"),
        ("quotas_equal_tasks", "the counters of caps are what the tasks of their windows cost or reserve"),
        ("limits_equal_tasks", "the counters of limits are the tasks that wait and run"),
        ("keys_have_their_tasks", "an idempotency key names a task of its wallet"),
        ("callbacks_equal_tasks", "a final task with a callback address has one row in the outbox, a live one none"),
        ("tasks_equal_prices", "every task was reserved and settled by the price version and the number of pictures that it is pinned to"),
        ("rollups_equal_usage", "usage rollups hold the facts that are folded, each once: reports add the others"),
    ]

    /// Every drift, at most a hundred per check.
    public func run(in transaction: Transaction) async throws(PostgresError) -> [Drift] {
        var drifts: [Drift] = []
        try await transaction.execute(Self.patience)
        for statement in Self.all {
            drifts += try await transaction.query(statement, []) { (row) throws(PostgresError) in
                Drift(check: statement.name, subject: try row.get(0), finding: try row.get(1))
            }
        }
        return drifts
    }

    static let all = [
        walletsEqualEntries, reservedEqualsLiveTasks, tasksHaveEntries, entriesHaveTasks, queueEqualsTasks,
        countersEqualTasks, usageEqualsEntries, costsEqualBills, tasksEqualPrices, rollupsEqualUsage,
    ] + aroundTasks

    /// The proof reads everything that there is, which takes longer than a statement of the service may.
    static let patience = Statement("proof_patience", "select set_config('statement_timeout', '3h', true)")

    private static let walletsEqualEntries = Statement(
        "wallets_equal_entries",
        """
        with moved as (
            select wallet_id, credit account, amount from entries
            union all select wallet_id, debit, -amount from entries),
        sums as (
            select wallet_id,
                coalesce(sum(amount) filter (where account = 'available'), 0) available,
                coalesce(sum(amount) filter (where account = 'reserved'), 0) reserved,
                coalesce(-sum(amount) filter (where account = 'granted'), 0) granted,
                coalesce(-sum(amount) filter (where account = 'adjusted'), 0) adjusted,
                coalesce(sum(amount) filter (where account = 'revenue'), 0) settled,
                coalesce(sum(amount) filter (where account = 'expired'), 0) expired
            from moved group by wallet_id)
        select 'wallet ' || coalesce(w.id, s.wallet_id),
            format('balance %s, entries %s',
                (w.available, w.reserved, w.granted, w.adjusted, w.settled, w.expired),
                (s.available, s.reserved, s.granted, s.adjusted, s.settled, s.expired))
        from wallets w full join sums s on s.wallet_id = w.id
        where (coalesce(w.available, -1), w.reserved, w.granted, w.adjusted, w.settled, w.expired) is distinct from
            (coalesce(s.available, 0), coalesce(s.reserved, 0), coalesce(s.granted, 0), coalesce(s.adjusted, 0),
             coalesce(s.settled, 0), coalesce(s.expired, 0))
        limit 100
        """)

    private static let reservedEqualsLiveTasks = Statement(
        "reserved_equals_live_tasks",
        """
        select 'wallet ' || w.id, format('reserved %s, live tasks %s', w.reserved, coalesce(s.reserved, 0))
        from wallets w left join (
            select wallet_id, sum(reserved) reserved from tasks where state in ('pending', 'processing')
            group by wallet_id) s on s.wallet_id = w.id
        where w.reserved <> coalesce(s.reserved, 0) limit 100
        """)

    private static let tasksHaveEntries = Statement(
        "tasks_have_their_entries",
        """
        with sums as (
            select task_id,
                count(*) filter (where kind = 'reserve') reserves,
                count(*) filter (where kind in ('settle', 'refund')) closings,
                coalesce(sum(amount) filter (where kind = 'reserve'), 0) reserved,
                coalesce(sum(amount) filter (where kind = 'settle'), 0) settled,
                coalesce(sum(amount) filter (where kind in ('refund', 'remainder')), 0) returned
            from entries where task_id is not null group by task_id)
        select 'task ' || t.id,
            format('%s, reserved %s, settled %s; entries: %s', t.state, t.reserved, t.settled,
                coalesce(format('%s reserve of %s, %s closing, %s settled, %s returned', s.reserves, s.reserved,
                    s.closings, s.settled, s.returned), 'none'))
        from tasks t left join sums s on s.task_id = t.id
        where s.task_id is null or s.reserves <> 1 or s.reserved <> t.reserved
            or s.closings <> (t.finished_at is not null)::int
            or s.settled <> coalesce(t.settled, 0)
            or s.returned <> case when t.finished_at is null then 0 else t.reserved - t.settled end
        limit 100
        """)

    private static let entriesHaveTasks = Statement(
        "entries_have_their_tasks",
        """
        select 'task ' || e.task_id, format('entry %s (%s) has no task of that wallet', e.id, e.kind)
        from entries e left join tasks t on t.id = e.task_id and t.wallet_id = e.wallet_id and t.period = e.period
        where e.task_id is not null and t.id is null limit 100
        """)

    private static let queueEqualsTasks = Statement(
        "queue_equals_tasks",
        """
        select 'task ' || coalesce(t.id, q.task_id, l.task_id),
            format('%s, %s queue row, %s lease', coalesce(t.state::text, 'no task'),
                (q.task_id is not null)::int, (l.task_id is not null)::int)
        from tasks t full join queue q on q.task_id = t.id
            full join leases l on l.task_id = coalesce(t.id, q.task_id)
        where (t.state in ('pending', 'processing') or q.task_id is not null or l.task_id is not null)
            and ((t.state is not distinct from 'pending') <> (q.task_id is not null)
                or (t.state is not distinct from 'processing') <> (l.task_id is not null))
        limit 100
        """)

    private static let countersEqualTasks = Statement(
        "counters_equal_tasks",
        """
        select 'wallet ' || w.id,
            format('counted %s waiting and %s running, there are %s and %s', w.pending, w.running,
                coalesce(s.pending, 0), coalesce(s.running, 0))
        from wallets w left join (
            select wallet_id, count(*) filter (where state = 'pending') pending,
                count(*) filter (where state = 'processing') running
            from tasks where state in ('pending', 'processing') group by wallet_id) s on s.wallet_id = w.id
        where (w.pending, w.running) <> (coalesce(s.pending, 0), coalesce(s.running, 0)) limit 100
        """)

    private static let usageEqualsEntries = Statement(
        "usage_equals_entries",
        """
        with booked as (
            select w.account_id, w.mode,
                coalesce(sum(e.amount) filter (where e.kind = 'reserve'), 0) reserved,
                coalesce(sum(e.amount) filter (where e.kind = 'settle'), 0) settled,
                coalesce(sum(e.amount) filter (where e.kind in ('refund', 'remainder')), 0) refunded
            from wallets w left join entries e on e.wallet_id = w.id group by 1, 2),
        used as (
            select account_id, mode, sum(reserved) reserved, sum(settled) settled, sum(refunded) refunded
            from usage_facts group by 1, 2)
        select format('account %s (%s)', account_id, mode),
            format('usage %s, entries %s', (u.reserved, u.settled, u.refunded), (b.reserved, b.settled, b.refunded))
        from booked b full join used u using (account_id, mode)
        where (coalesce(u.reserved, 0), coalesce(u.settled, 0), coalesce(u.refunded, 0)) is distinct from
            (b.reserved, b.settled, b.refunded)
        limit 100
        """)

    private static let costsEqualBills = Statement(
        "costs_equal_bills",
        """
        with used as (
            select account_id, provider, currency, sum(cost) as cost, sum(possible) possible
            from usage_facts where cost <> 0 group by 1, 2, 3),
        billed as (
            select t.account_id, b.provider, b.currency, sum(b.cost) as cost, coalesce(sum(b.cost) filter (where b.possible), 0) possible
            from expected_bills b join tasks t on t.id = b.task_id where b.cost > 0 group by 1, 2, 3)
        select format('account %s', account_id),
            format('%s %s, by usage %s, of which possible %s; by submits %s and %s', provider, currency, coalesce(u.cost, 0),
                coalesce(u.possible, 0), coalesce(b.cost, 0), coalesce(b.possible, 0))
        from used u full join billed b using (account_id, provider, currency)
        where (coalesce(u.cost, 0), coalesce(u.possible, 0)) <> (coalesce(b.cost, 0), coalesce(b.possible, 0))
        limit 100
        """)

    private static let tasksEqualPrices = Statement(
        "tasks_equal_prices",
        """
        select 'task ' || t.id,
            format('%s of %s, %s pictures, reserved %s, settled %s; price version %s: %s', t.operation, t.created_at, t.pictures,
                t.reserved, t.settled, t.price_id, coalesce(format('%s of %s up to %s for %s from %s', p.rule, p.amount, p.units_max,
                p.operation, p.effective_from), 'none'))
        from tasks t left join prices p on p.id = t.price_id
        where p.id is null or (p.model_id, p.operation) <> (t.model_id, t.operation) or p.effective_from > t.created_at
            or coalesce(t.request -> 'n', '1') <> to_jsonb(t.pictures)
            or t.reserved <> price_of_task(p.rule, p.amount, p.units_max, p.units_max * t.pictures, t.pictures)
            or t.state = 'completed' and case when p.rule = 'per_call' then t.settled <> p.amount * t.pictures
                else t.settled % greatest(p.amount, 1) <> 0 end
        limit 100
        """)

    private static let rollupsEqualUsage = Statement(
        "rollups_equal_usage",
        """
        with lines as (
            select grain, at, mode, group_id, model_id, account_id, key_id, provider, currency, submitted, completed, failed,
                cancelled, reserved, settled, refunded, cost, possible
            from usage_rollups
            union all
            select g.grain, g.at, f.mode, f.group_id, f.model_id, g.account_id, g.key_id, f.provider, f.currency,
                -f.submitted, -f.completed, -f.failed, -f.cancelled, -f.reserved, -f.settled, -f.refunded, -f.cost,
                -f.possible
            from usage_lines f cross join usage_grains(f.at, f.account_id, f.key_id) g
            where f.id <= (select folded_to from usage_fold))
        select case grain when 'day' then format('group %s (%s)', group_id, mode)
                else format('account %s (%s)', account_id, mode) end,
            format('rollup %s of %s, rollup less facts %s', grain, to_char(at at time zone 'UTC', 'YYYY-MM-DD HH24":00"'),
                (sum(submitted), sum(completed), sum(failed), sum(cancelled), sum(reserved), sum(settled), sum(refunded),
                 sum(cost), sum(possible)))
        from lines group by grain, at, mode, group_id, model_id, account_id, key_id, provider, currency
        having (sum(submitted), sum(completed), sum(failed), sum(cancelled), sum(reserved), sum(settled), sum(refunded),
            sum(cost), sum(possible)) <> (0, 0, 0, 0, 0, 0, 0, 0, 0)
        limit 100
        """)
}
