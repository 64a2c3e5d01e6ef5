-- Why: how credits come and go outside of tasks: grants, some of which expire, corrections by people, and codes.
--
-- A grant with a date has a row in `expiring_grants`; credits without a date are the rest of the wallet and have none, so
-- that wallets without such grants pay nothing for this on the way of a task. The rules:
--
-- * Credits are spent in the order of their dates, those without one last.
-- * A task draws at submit: what it reserves is no longer in the grant and cannot expire under it.
-- * What a task does not cost goes back to where it was drawn from. If that date has passed meanwhile, it expires then.
-- * A grant expires on its date by the database's clock, never before, by one entry each time that something is left in
--   it; and on time even when nobody sweeps, because admission and corrections first expire what is due.
--
-- Whoever holds a wallet's row lock owns that wallet's rows here. `wallets.expiring` and `wallets.next_expiry` repeat what
-- the rows say, so that one look at the wallet tells whether there is anything to do.

create table expiring_grants (
    id bigint generated always as identity primary key,
    wallet_id bigint not null,
    amount bigint not null check (amount > 0),
    -- In the wallet's available.
    remaining bigint not null check (remaining >= 0),
    -- Drawn by live tasks; in the wallet's reserved.
    reserved bigint not null default 0 check (reserved >= 0),
    used bigint not null default 0 check (used >= 0),
    expired bigint not null default 0 check (expired >= 0),
    expires_at timestamptz not null,
    -- When it expired last.
    expired_at timestamptz,
    -- Rule 11: every credit of a grant is somewhere, and none expires before its date or while a task has it.
    constraint expiring_grants_conserve_credits check (amount = remaining + reserved + used + expired),
    constraint expiring_grants_never_early check (expired = 0 or coalesce(expired_at >= expires_at, false))
);
create index expiring_grants_of_wallet on expiring_grants (wallet_id, expires_at, id);

-- What live tasks drew from grants with a date.
create table draws (
    task_id bigint not null,
    grant_id bigint not null,
    amount bigint not null check (amount > 0),
    primary key (task_id, grant_id)
);

-- Repeats in the wallets what their grants say.
create function count_expiring(p_wallets bigint[]) returns void language sql set search_path = public, pg_temp as $$
    update wallets w set expiring = s.remaining, next_expiry = s.nearest
    from (select i.id, coalesce(sum(g.remaining), 0)::bigint remaining, min(g.expires_at) nearest
          from (select distinct unnest(p_wallets) id) i left join expiring_grants g on g.wallet_id = i.id and g.remaining > 0
          group by i.id) s
    where w.id = s.id and (w.expiring, w.next_expiry) is distinct from (s.remaining, s.nearest)
$$;

-- Expires what is due in wallets that the caller has locked; answers how many grants there were.
create function expire_grants(p_wallets bigint[]) returns int language plpgsql set search_path = public, pg_temp as $$
declare
    at timestamptz := clock_timestamp();
    due int;
begin
    with left_over as (
        select g.id, g.remaining from expiring_grants g
        where g.wallet_id = any (p_wallets) and g.remaining > 0 and g.expires_at <= at),
    ended as (
        update expiring_grants g set remaining = 0, expired = g.expired + l.remaining, expired_at = at
        from left_over l where g.id = l.id
        returning g.id, g.wallet_id, l.remaining amount),
    booked as (
        insert into entries (period, wallet_id, kind, debit, credit, amount, grant_id, at)
        select credit_month(at), e.wallet_id, 'expire', 'available', 'expired', e.amount, e.id, at from ended e),
    counted as (
        update wallets w set available = w.available - s.amount, expired = w.expired + s.amount,
            expiring = w.expiring - s.amount,
            next_expiry = (select min(g.expires_at) from expiring_grants g
                           where g.wallet_id = w.id and g.remaining > 0 and g.expires_at > at)
        from (select e.wallet_id, sum(e.amount)::bigint amount from ended e group by e.wallet_id) s
        where w.id = s.wallet_id)
    select count(*) into due from ended;
    return due;
end $$;

-- The sweep: expires what is due in up to p_limit wallets; answers how many grants there were.
create function expire_due_grants(p_limit int)
returns int language plpgsql security definer set search_path = public, pg_temp as $$
declare
    due bigint[];
begin
    select array_agg(w.id) into due from (
        select id from wallets where next_expiry <= clock_timestamp() order by next_expiry limit p_limit) w;
    if due is null then return 0; end if;
    perform from wallets w where w.id = any (due) order by w.id for no key update;
    return expire_grants(due);
end $$;

-- Draws reservations from grants with a date, in the order of the arrays, in wallets that the caller has locked and in
-- which nothing is due: tasks and grants are laid side by side on one line per wallet, and where they overlap is drawn.
create function draw_grants(p_wallets bigint[], p_tasks bigint[], p_amounts bigint[])
returns void language plpgsql set search_path = public, pg_temp as $$
begin
    with asked as (
        select i.wallet, i.task, i.amount, sum(i.amount) over (partition by i.wallet order by i.n) - i.amount start
        from unnest(p_wallets, p_tasks, p_amounts) with ordinality i (wallet, task, amount, n)
        where i.amount > 0),
    open as (
        select g.id, g.wallet_id, g.remaining,
            sum(g.remaining) over (partition by g.wallet_id order by g.expires_at, g.id) - g.remaining start
        from expiring_grants g where g.wallet_id = any (p_wallets) and g.remaining > 0),
    drawn as (
        insert into draws (task_id, grant_id, amount)
        select a.task, o.id, least(a.start + a.amount, o.start + o.remaining) - greatest(a.start, o.start)
        from asked a join open o
            on o.wallet_id = a.wallet and a.start < o.start + o.remaining and o.start < a.start + a.amount
        returning grant_id, amount)
    update expiring_grants g set remaining = g.remaining - s.amount, reserved = g.reserved + s.amount
    from (select d.grant_id, sum(d.amount)::bigint amount from drawn d group by d.grant_id) s
    where g.id = s.grant_id;
    perform count_expiring(p_wallets);
end $$;

-- Ends the draws of tasks that have ended: what they cost is used up in the order of the dates, the rest goes back. In
-- wallets that the caller has locked and whose available already has what comes back.
create function return_draws(p_wallets bigint[], p_tasks bigint[])
returns void language plpgsql set search_path = public, pg_temp as $$
begin
    with ended as (
        delete from draws d using tasks t where d.task_id = any (p_tasks) and t.id = d.task_id
        returning d.task_id, d.grant_id, d.amount, t.settled),
    placed as (
        select e.*, sum(e.amount) over (partition by e.task_id order by g.expires_at, g.id) - e.amount start
        from ended e join expiring_grants g on g.id = e.grant_id),
    split as (
        select p.grant_id, sum(p.amount)::bigint amount,
            sum(least(p.amount, greatest(p.settled - p.start, 0)))::bigint used
        from placed p group by p.grant_id)
    update expiring_grants g set reserved = g.reserved - s.amount, used = g.used + s.used,
        remaining = g.remaining + s.amount - s.used
    from split s where g.id = s.grant_id;
    perform count_expiring(p_wallets);
    perform expire_grants(p_wallets);
end $$;

-- Gives credits to a wallet, for ever or until a date.
create function grant_credits(p_wallet bigint, p_amount bigint, p_expires timestamptz, p_reason text, p_actor text)
returns bigint language plpgsql security definer set search_path = public, pg_temp as $$
declare
    entry bigint;
    grant_id bigint;
begin
    if p_amount is null or p_amount <= 0 or p_amount > 1000000000000000 then
        raise exception 'a grant is more than 0 and at most 1000000000 credits' using errcode = '22003';
    end if;
    if p_expires <= clock_timestamp() then
        raise exception 'a grant expires in the future' using errcode = '22008';
    end if;
    update wallets set available = available + p_amount, granted = granted + p_amount where id = p_wallet;
    if not found then raise exception 'no such wallet' using errcode = 'P0002'; end if;
    if p_expires is not null then
        insert into expiring_grants (wallet_id, amount, remaining, expires_at)
        values (p_wallet, p_amount, p_amount, p_expires) returning id into grant_id;
        perform count_expiring(array[p_wallet]);
    end if;
    insert into entries (period, wallet_id, kind, debit, credit, amount, grant_id, reason, actor)
    values (credit_month(now()), p_wallet, 'grant', 'granted', 'available', p_amount, grant_id, p_reason, p_actor)
    returning id into entry;
    return entry;
end $$;

-- Corrects a wallet up or down, never below what is available. What is taken is taken in the order of the dates.
create function adjust_credits(p_wallet bigint, p_amount bigint, p_reason text, p_actor text)
returns bigint language plpgsql security definer set search_path = public, pg_temp as $$
declare
    entry bigint;
begin
    if p_amount is null or p_amount = 0 or abs(p_amount) > 1000000000000000 then
        raise exception 'an adjustment is not 0 and at most 1000000000 credits' using errcode = '22003';
    end if;
    perform from wallets w where w.id = p_wallet for no key update;
    if not found then raise exception 'no such wallet' using errcode = 'P0002'; end if;
    perform expire_grants(array[p_wallet]);
    if p_amount < 0 then
        update expiring_grants g set remaining = g.remaining - s.taken, used = g.used + s.taken
        from (
            select o.id, least(o.remaining, greatest(-p_amount - o.start, 0)) taken
            from (select id, remaining, sum(remaining) over (order by expires_at, id) - remaining start
                  from expiring_grants where wallet_id = p_wallet and remaining > 0) o) s
        where g.id = s.id and s.taken > 0;
        perform count_expiring(array[p_wallet]);
    end if;
    update wallets set available = available + p_amount, adjusted = adjusted + p_amount where id = p_wallet;
    insert into entries (period, wallet_id, kind, debit, credit, amount, reason, actor)
    values (credit_month(now()), p_wallet, 'adjust',
        case when p_amount > 0 then 'adjusted' else 'available' end::ledger_account,
        case when p_amount > 0 then 'available' else 'adjusted' end::ledger_account, abs(p_amount), p_reason, p_actor)
    returning id into entry;
    return entry;
end $$;

-- A new account has an empty live wallet and a test wallet with play credits, so that a test key meets the same rules.
create function create_account(p_name text, p_group int, p_actor text)
returns bigint language plpgsql security definer set search_path = public, pg_temp as $$
declare
    account bigint;
    test_wallet bigint;
begin
    insert into accounts (name, group_id) values (p_name, p_group) returning id into account;
    insert into wallets (account_id, mode) values (account, 'live');
    insert into wallets (account_id, mode) values (account, 'test') returning id into test_wallet;
    perform grant_credits(test_wallet, 1000000000, null, 'test credits of a new account', p_actor);
    return account;
end $$;

-- Codes that customers turn into credits, each once. The code itself is nowhere: only its keyed digest is.
create table redemption_codes (
    id bigint generated always as identity primary key,
    digest bytea not null unique check (length(digest) = 32),
    -- Its last characters, so that people can tell codes apart.
    hint text not null,
    amount bigint not null check (amount between 1 and 1000000000000000),
    -- The code cannot be redeemed after this.
    valid_until timestamptz,
    -- The credits expire so many days after they were redeemed; null is never.
    credit_days int check (credit_days between 1 and 3650),
    -- Only this account may redeem it; null is any.
    account_id bigint references accounts,
    reason text not null check (length(reason) between 1 and 500),
    actor text not null,
    created_at timestamptz not null default clock_timestamp(),
    withdrawn_at timestamptz,
    redeemed_at timestamptz,
    wallet_id bigint references wallets,
    entry_id bigint unique,
    -- A code is redeemed once: these are set together and never again.
    constraint redemption_codes_whole
        check ((redeemed_at is null) = (entry_id is null) and (redeemed_at is null) = (wallet_id is null)),
    constraint redemption_codes_one_end check (redeemed_at is null or withdrawn_at is null)
);
create index redemption_codes_open on redemption_codes (id) where redeemed_at is null and withdrawn_at is null;

create function refuse_second_redemption() returns trigger language plpgsql as $$
begin
    if old.redeemed_at is not null then
        raise exception 'a redeemed code is never changed' using errcode = '42501';
    end if;
    return new;
end $$;
create trigger redemption_codes_once before update on redemption_codes
    for each row execute function refuse_second_redemption();

-- Turns a code into credits. Two who race for one code meet at its row; whoever comes second is told so. The same wallet
-- again gets its first answer, so that a lost reply can be asked for again.
create function redeem_code(p_digest bytea, p_wallet bigint, p_actor text)
returns table (verdict text, amount bigint, entry_id bigint, expires_at timestamptz)
language plpgsql security definer set search_path = public, pg_temp as $$
#variable_conflict use_column
declare
    c redemption_codes%rowtype;
    at timestamptz;
    until timestamptz;
    entry bigint;
begin
    -- Wallets before all else, as everywhere.
    perform from wallets w where w.id = p_wallet for no key update;
    if not found then raise exception 'no such wallet' using errcode = 'P0002'; end if;
    select * into c from redemption_codes where digest = p_digest for update;
    at := clock_timestamp();
    -- A code for somebody else looks like one that is not there.
    if not found or c.account_id <> (select w.account_id from wallets w where w.id = p_wallet) then
        return query select 'unknown', null::bigint, null::bigint, null::timestamptz;
    elsif c.redeemed_at is not null then
        return query select case when c.wallet_id = p_wallet then 'replayed' else 'used' end,
            case when c.wallet_id = p_wallet then c.amount end, case when c.wallet_id = p_wallet then c.entry_id end,
            case when c.wallet_id = p_wallet then c.redeemed_at + make_interval(days => c.credit_days) end;
    elsif c.withdrawn_at is not null then
        return query select 'withdrawn', null::bigint, null::bigint, null::timestamptz;
    elsif c.valid_until <= at then
        return query select 'too_late', null::bigint, null::bigint, null::timestamptz;
    else
        until := at + make_interval(days => c.credit_days);
        entry := grant_credits(p_wallet, c.amount, until, format('code %s: %s', c.id, c.reason), p_actor);
        update redemption_codes r set redeemed_at = at, wallet_id = p_wallet, entry_id = entry where r.id = c.id;
        return query select 'redeemed', c.amount, entry, until;
    end if;
end $$;

-- Takes back a code that nobody has redeemed; answers whether it did.
create function withdraw_code(p_code bigint) returns boolean
language sql security definer set search_path = public, pg_temp as $$
    update redemption_codes set withdrawn_at = clock_timestamp()
    where id = p_code and redeemed_at is null and withdrawn_at is null returning true
$$;

revoke execute on function count_expiring(bigint[]), expire_grants(bigint[]), expire_due_grants(int),
    draw_grants(bigint[], bigint[], bigint[]), return_draws(bigint[], bigint[]),
    grant_credits(bigint, bigint, timestamptz, text, text), adjust_credits(bigint, bigint, text, text),
    create_account(text, int, text), redeem_code(bytea, bigint, text), withdraw_code(bigint) from public;
grant select on expiring_grants, draws, redemption_codes to zimage_service;
grant insert (digest, hint, amount, valid_until, credit_days, account_id, reason, actor) on redemption_codes
    to zimage_service;
grant execute on function expire_due_grants(int), grant_credits(bigint, bigint, timestamptz, text, text),
    adjust_credits(bigint, bigint, text, text), create_account(text, int, text), redeem_code(bytea, bigint, text),
    withdraw_code(bigint) to zimage_service;
