public import Postgres

/// Every statement of the outbox.
public enum CallbacksStatements {
    static let claim = Statement("claim_callbacks", "select * from claim_callbacks($1, $2, $3, $4)")
    /// A null delay leaves the callback as it is. Somebody else's try may be under way by now: then a failure that comes
    /// late is theirs to tell, but what was delivered is delivered.
    static let record = Statement(
        "callback_record",
        """
        with told as (
            update callbacks set state = $2::callback_state, attempts = attempts + 1, deliveries = deliveries + 1, taken = 0,
                last_status = $3, last_error = $4,
                delivered_at = case when $2::callback_state = 'delivered' then clock_timestamp() end,
                next_at = clock_timestamp() + coalesce($5, 0) * interval '1 millisecond'
            where id = $1 and state = 'waiting' and (taken = $6 or $2::callback_state = 'delivered')
            returning id, deliveries)
        insert into callback_deliveries (callback_id, number, status, error, duration_ms)
        select id, deliveries, $3, $4, $7 from told
        """)
    /// Not tried after all: as if it had not been taken this time, and due again a little later.
    static let putBack = Statement(
        "callback_put_back",
        """
        update callbacks set taken = taken - 1, next_at = clock_timestamp() + $3 * interval '1 millisecond'
        where id = $1 and state = 'waiting' and taken = $2
        """)
    /// Index `callback_deliveries_at`.
    static let sweep = Statement(
        "callback_deliveries_sweep",
        """
        with old as (
            select callback_id, number from callback_deliveries
            where at < now() - make_interval(days => $1) order by at limit 5000),
        swept as (
            delete from callback_deliveries d using old
            where d.callback_id = old.callback_id and d.number = old.number returning 1)
        select count(*) from swept
        """)

    /// Puts a callback back to its first try, whatever became of it.
    static let redeliver = Statement(
        "callback_redeliver",
        """
        update callbacks set state = 'waiting', attempts = 0, taken = 0, next_at = clock_timestamp(), delivered_at = null
        where id = $1 returning id
        """)
    static let list = Statement(
        "callback_list",
        """
        select id, task_id, task_created_at, account, url, state, attempts, next_at, last_status, last_error, created_at,
            delivered_at
        from callback_views
        where case when $1::text is null then true when $1 = 'due' then state = 'waiting' and next_at <= clock_timestamp()
            else state::text = $1 end
        order by id desc limit $2
        """)
    /// Those of its newest tasks, by index `tasks_of_wallet`.
    static let listOfAccount = Statement(
        "callback_list_account",
        """
        select id, task_id, task_created_at, account, url, state, attempts, next_at, last_status, last_error, created_at,
            delivered_at
        from callback_views
        where task_id in (
            select n.id from accounts a join wallets w on w.account_id = a.id cross join lateral (
                select t.id from tasks t join callbacks c on c.task_id = t.id
                where t.wallet_id = w.id and case when $1::text is null then true
                    when $1 = 'due' then c.state = 'waiting' and c.next_at <= clock_timestamp() else c.state::text = $1 end
                order by t.wallet_id desc, t.id desc limit $2) n
            where a.name = $3)
        order by task_id desc limit $2
        """)
    static let find = Statement(
        "callback_find",
        """
        select id, task_id, task_created_at, account, url, state, attempts, next_at, last_status, last_error, created_at,
            delivered_at
        from callback_views where id = $1 or task_id = $2
        """)
    static let deliveries = Statement(
        "callback_delivery_list",
        """
        select number, at, status, error, duration_ms from callback_deliveries
        where callback_id = $1 order by number desc limit 1000
        """)

    /// All of them, for the test that prepares each on a fresh database.
    public static let all = [claim, record, putBack, sweep, redeliver, list, listOfAccount, find, deliveries]
}
