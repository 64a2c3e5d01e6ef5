import Domain
public import Postgres

/// Every statement of the keys.
public enum KeysStatements {
    /// Finds a key by its selector: unique index `api_keys_selector_key`.
    static let find = Statement(
        "key_find",
        """
        select k.id, k.account_id, k.wallet_id, k.mode, k.expires_at, k.hash, k.revoked_at, a.suspended_at,
            array_to_string(k.scopes, ','), array_to_string(k.ips, ','), k.rpm is not null or g.rpm is not null or exists (
                select from limits l where l.scope = 'account' and l.subject_id = a.id and l.model_id is null
                    and l.rpm is not null)
        from api_keys k join accounts a on a.id = k.account_id join user_groups g on g.id = a.group_id
        where k.selector = $1
        """)
    static let epoch = Statement("auth_epoch", "select epoch from auth_epoch")
    static let insert = Statement(
        "key_insert",
        """
        insert into api_keys (selector, account_id, wallet_id, mode, name, hash, hint, expires_at, rpm, burst, models,
            scopes, ips)
        select $1, a.id, w.id, w.mode, $4, $5, $6, $7, $8, $9, $10, $11, $12::text[]::cidr[]
        from accounts a join wallets w on w.account_id = a.id and w.mode = $3::account_mode
        where a.name = $2
        returning id
        """)
    static let revoke = Statement(
        "key_revoke", "update api_keys set revoked_at = coalesce(revoked_at, now()) where id = $1 returning selector")
    static let list = Statement(
        "key_list",
        """
        select k.id, a.name, k.mode, k.name, k.hint, k.created_at, k.expires_at, k.revoked_at, k.rpm, k.burst,
            array_to_string(k.scopes, ','), array_to_string(k.models, ','), array_to_string(k.ips, ','), u.used_at,
            k.rotated_to
        from api_keys k join accounts a on a.id = k.account_id left join key_uses u on u.key_id = k.id
        where ($1::text is null or a.name = $1) and ($2::bigint is null or k.id = $2) order by k.id limit 1000
        """)
    static let update = Statement(
        "key_update",
        """
        update api_keys set scopes = $2, models = $3, ips = $4::text[]::cidr[], rpm = $5, burst = $6 where id = $1
        """)
    static let rotate = Statement("key_rotate", "select rotate_key($1, $2, $3, $4, $5)")
    /// In the order of the keys, so that two nodes never wait for each other.
    static let used = Statement(
        "key_used",
        """
        insert into key_uses as u (key_id, used_at)
        select k, clock_timestamp() from unnest($1::bigint[]) k order by k
        on conflict (key_id) do update set used_at = greatest(u.used_at, excluded.used_at)
        """)

    static let rememberSecret = Statement(
        "secret_remember", "insert into installation (secret_fingerprint) values ($1) on conflict do nothing")
    static let storedSecret = Statement("secret_stored", "select secret_fingerprint from installation")

    static let createGroup = Statement(
        "group_create",
        """
        insert into user_groups (name, weight, rpm, burst, max_running, max_pending, models)
        values ($1, coalesce($2, 1), $3, $4, $5, $6, $7) on conflict (name) do nothing returning id
        """)
    /// Null leaves a column as it is.
    static let updateGroup = Statement(
        "group_update",
        """
        update user_groups set weight = coalesce($2, weight), rpm = coalesce($3, rpm), burst = coalesce($4, burst),
            max_running = coalesce($5, max_running), max_pending = coalesce($6, max_pending),
            models = coalesce($7, models)
        where name = $1 returning id
        """)
    static let groups = Statement(
        "group_list",
        """
        select g.name, g.weight, g.rpm, g.burst, g.max_running, g.max_pending, g.models::text,
            (select count(*) from accounts a where a.group_id = g.id)
        from user_groups g where $1::text is null or g.name = $1 order by g.name limit 1000
        """)
    static let createAccount = Statement(
        "account_create", "select create_account($1, g.id, $3) from user_groups g where g.name = $2")
    static let accounts = Statement(
        "account_list",
        """
        select a.id, a.name, g.name, a.suspended_at, a.created_at, w.available, w.reserved,
            (select count(*) from api_keys k where k.account_id = a.id and k.revoked_at is null)
        from accounts a join user_groups g on g.id = a.group_id
            join wallets w on w.account_id = a.id and w.mode = 'live'
        where $1::text is null or a.name = $1 order by a.name limit 1000
        """)
    static let suspendAccount = Statement(
        "account_suspend",
        "update accounts set suspended_at = case when $2 then coalesce(suspended_at, now()) end where name = $1 returning id")
    static let moveAccount = Statement(
        "account_move",
        "update accounts a set group_id = g.id from user_groups g where a.name = $1 and g.name = $2 returning a.id")
    /// What admission asks before it takes a job, for all models.
    static let usableModels = Statement(
        "models_usable",
        """
        select m.name, m.estimated_seconds, g.name
        from api_keys k join accounts a on a.id = k.account_id join user_groups g on g.id = a.group_id
            join models m on m.enabled and (k.models is null or m.name = any (k.models))
                and (g.models is null or m.name = any (g.models))
        where k.id = $1 order by m.name limit 1000
        """)

    /// Whose limit, the model, and what holds now.
    static let limit = Statement(
        "limit_find",
        """
        select s.id, m.id, l.rpm, l.burst, l.max_running, l.max_pending
        from (select case $1::limit_scope
                when 'key' then (select id from api_keys where id::text = $2)
                when 'account' then (select id from accounts where name = $2)
                else (select id from user_groups where name = $2) end id) s
            left join models m on m.name = $3
            left join all_limits l on l.scope = $1::limit_scope and l.subject_id = s.id
                and l.model_id is not distinct from m.id
        """)
    static let setLimit = Statement("limit_set", "select set_limit($1::limit_scope, $2, $3, $4, $5, $6, $7)")
    static let limits = Statement(
        "limit_list",
        """
        select l.scope::text, l.subject, m.name, l.rpm, l.burst, l.max_running, l.max_pending
        from all_limits l left join models m on m.id = l.model_id
        where ($1::text is null or l.scope = $1::limit_scope) and ($2::text is null or l.subject = $2)
        order by l.scope, l.subject_id, m.name nulls first limit 1000
        """)

    /// Locks the account, so that of two rotations one follows the other.
    static let callbackSecretOwner = Statement(
        "callback_secret_owner", "select id from accounts where name = $1 for no key update")
    /// Ends what the present one had replaced, sets the present one's end, and puts a new one beside it.
    static let rotateCallbackSecret = Statement(
        "callback_secret_rotate",
        """
        with ended as (delete from callback_secrets where account_id = $1 and ends_at is not null),
        kept as (
            update callback_secrets set ends_at = clock_timestamp() + make_interval(secs => $3)
            where account_id = $1 and ends_at is null returning 1)
        insert into callback_secrets (account_id, sealed) select $1, $2 from (select count(*) from kept) before
        """)
    static let makeCallbackSecret = Statement(
        "callback_secret_make",
        "insert into callback_secrets (account_id, sealed) values ($1, $2) on conflict (account_id) where ends_at is null do nothing")
    static let callbackSecrets = Statement(
        "callback_secret_list",
        """
        select id, sealed, ends_at from callback_secrets
        where account_id = $1 and (ends_at is null or ends_at > clock_timestamp()) order by id desc
        """)

    /// All of them, for the test that prepares each on a fresh database.
    public static let all = [
        find, epoch, insert, revoke, list, update, rotate, used, rememberSecret, storedSecret, createGroup, updateGroup,
        groups, createAccount, accounts, suspendAccount, moveAccount, limit, setLimit, limits,
        callbackSecretOwner, rotateCallbackSecret, makeCallbackSecret, callbackSecrets,
        usableModels,
    ]
    /// A comma list as words; nil stays nil.
    static func words(_ text: String?) -> [String]? {
        text.map { $0.split(separator: ",").map(String.init) }
    }

    static func rights(_ row: Row, _ column: Int) throws(PostgresError) -> Set<KeyRight> {
        guard let rights = KeyRight.list(try row.get(column)) else { throw .unexpectedContent(of: "api_keys.scopes") }
        return rights
    }

    static func addresses(_ row: Row, _ column: Int) throws(PostgresError) -> AddressList? {
        guard let text = try row.get(column, as: String?.self) else { return nil }
        do throws(AddressListError) { return try AddressList(text) } catch { throw .unexpectedContent(of: "api_keys.ips") }
    }
}
