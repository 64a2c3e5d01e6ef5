public import Postgres

/// Every statement of providers and routes.
public enum ProvidersStatements {
    static let epoch = Statement("provider_epoch", "select epoch from provider_epoch")
    static let list = Statement(
        "provider_list",
        """
        select id, name, kind, engine, base_url, sealed_secret, allow_private, enabled, cost, currency, max_running, rpm,
            timeout_seconds, deadline_seconds, created_at
        from providers where $1::text is null or name = $1 order by name limit 1000
        """)
    static let routes = Statement(
        "provider_routes",
        """
        select r.provider_id, m.name, r.operation, r.group_id, g.name, r.upstream_model, r.priority, r.weight
        from provider_routes r join models m on m.id = r.model_id left join user_groups g on g.id = r.group_id
        order by m.name, r.priority, r.provider_id, r.id limit 10000
        """)
    /// Serializes additions, so that both tables stay within their limits; the lock ends with the transaction.
    static let lock = Statement("provider_lock", "select pg_advisory_xact_lock(7015)::text is null")
    static let counts = Statement(
        "provider_counts", "select (select count(*) from providers), (select count(*) from provider_routes)")
    static let add = Statement(
        "provider_add",
        """
        insert into providers (name, kind, engine, base_url, sealed_secret, allow_private, enabled, cost, currency, max_running,
            rpm, timeout_seconds, deadline_seconds)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) on conflict (name) do nothing returning id
        """)
    static let update = Statement(
        "provider_update",
        """
        update providers set engine = $2, base_url = $3, sealed_secret = $4, allow_private = $5, enabled = $6, cost = $7,
            currency = $8, max_running = $9, rpm = $10, timeout_seconds = $11, deadline_seconds = $12
        where name = $1 returning id
        """)
    /// Locked until the transaction ends.
    static let find = Statement(
        "provider_find",
        """
        select id, name, kind, engine, base_url, sealed_secret, allow_private, enabled, cost, currency, max_running, rpm,
            timeout_seconds, deadline_seconds, created_at
        from providers where name = $1 for no key update
        """)
    /// The one that is asked for comes first, if there is one of that name; the others are for advice.
    static let models = Statement(
        "provider_models", "select id, name from models order by name is distinct from $1::text, name limit 50")
    static let group = Statement("provider_group", "select id from user_groups where name = $1")
    static let setRoute = Statement(
        "provider_route_set",
        """
        insert into provider_routes (provider_id, model_id, operation, group_id, upstream_model, priority, weight)
        values ($1, $2, $3::text::operation, $4, coalesce($5, $8), coalesce($6, 1), coalesce($7, 1))
        on conflict (provider_id, model_id, operation, group_id) do update set
            upstream_model = coalesce($5, provider_routes.upstream_model), priority = coalesce($6, provider_routes.priority),
            weight = coalesce($7, provider_routes.weight)
        returning upstream_model, priority, weight
        """)
    static let removeRoute = Statement(
        "provider_route_remove",
        """
        delete from provider_routes where provider_id = $1 and model_id = $2
            and operation is not distinct from $3::text::operation and group_id is not distinct from $4
        returning upstream_model, priority, weight
        """)

    static let tellHealth = Statement("provider_health_tell", "select tell_provider_health($1, $2, $3, $4, $5, $6)::text")
    static let health = Statement(
        "provider_health",
        """
        select provider_id, node, kind, reason, (extract(epoch from until - clock_timestamp()) * 1000)::bigint, latency_ms, since
        from provider_health where seen_at > clock_timestamp() - interval '1 minute' order by provider_id, node limit 10000
        """)
    static let loads = Statement("provider_loads", "select * from provider_loads()")

    /// All of them, for the test that prepares each on a fresh database.
    public static let all = [
        epoch, list, routes, lock, counts, add, update, find, models, group, setRoute, removeRoute, tellHealth, health, loads,
    ]
}
