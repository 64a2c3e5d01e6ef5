-- Why: who may do what in the database, and what a job costs for whom.
--
-- Two roles. The owner (whoever runs `zadmin migrate`) makes tables and functions. `zimage_service` is what every
-- session of zserve and zadmin takes on: it may read everything, but it can change money, tasks and the queue only
-- through functions such as those of 0007 and 0008, which run with the owner's rights and check every rule.
--
-- Amounts are micro-credits in BIGINT: 1 credit = 1,000,000. The bound of 10^15 (a billion credits) on one amount
-- keeps every product and sum in this schema far from overflow.

do $$
begin
    if not exists (select from pg_roles where rolname = 'zimage_service') then
        create role zimage_service nologin;
    end if;
    if not pg_has_role(current_user, 'zimage_service', 'member') then
        execute format('grant zimage_service to %I', current_user);
    end if;
end $$;

revoke create on schema public from public;
grant usage on schema public to zimage_service;
-- So that the service can tell whether the schema is the one that it was built for.
grant select on schema_migrations to zimage_service;

create domain micro_credits as bigint check (value between 0 and 1000000000000000);

create type billing_rule as enum ('per_call', 'per_second', 'per_token');
create type operation as enum ('generate', 'edit', 'inpaint');

create table user_groups (
    id int generated always as identity primary key,
    name text not null unique check (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    -- Share of the workers compared with other groups while jobs wait.
    weight int not null default 1 check (weight between 1 and 1000),
    -- Limits of each account of the group; null is no limit.
    rpm int check (rpm between 1 and 10000000),
    burst int check (burst between 1 and 10000000),
    max_running int check (max_running >= 1),
    max_pending int check (max_pending >= 1),
    -- Models that the group may use; null is all.
    models text[],
    created_at timestamptz not null default now()
);

create table models (
    id int generated always as identity primary key,
    name text not null unique check (name ~ '^[a-z0-9][a-z0-9._/-]{0,126}$'),
    enabled boolean not null default true,
    -- What a customer is told to expect, in seconds.
    estimated_seconds int not null default 10 check (estimated_seconds >= 0)
);

-- One version of a price: what a call costs a group, from a moment until the next version of the same model, operation and
-- size takes over. Versions are never changed or deleted, because tasks name the one that they were made under; one that
-- has not come into force can be withdrawn.
create table prices (
    id bigint generated always as identity primary key,
    group_id int not null references user_groups,
    model_id int not null references models,
    operation operation not null,
    -- Null is every size.
    size_tier text check (size_tier in ('standard', 'large')),
    rule billing_rule not null,
    -- Per call, per second or per token.
    amount micro_credits not null,
    -- The most units that one call can use: amount x units_max is what is reserved.
    units_max int not null default 1 check (units_max between 1 and 1000000),
    effective_from timestamptz not null default now(),
    created_at timestamptz not null default now(),
    -- Who set it and why; null is what the installation came with.
    actor text,
    reason text,
    withdrawn_at timestamptz,
    withdrawn_by text,
    withdrawn_reason text,
    check (rule <> 'per_call' or units_max = 1),
    check (amount::numeric * units_max <= 1000000000000000),
    constraint prices_withdrawn_before_in_force check (withdrawn_at < effective_from)
);
-- Finds the version in force, and lets no two take over at one moment.
create unique index prices_in_force on prices (group_id, model_id, operation, coalesce(size_tier, ''), effective_from)
    where withdrawn_at is null;

-- What a call of so many units costs under a price: per_call is the whole amount, and no call costs more than units_max.
create function price_of(p_rule billing_rule, p_amount bigint, p_units_max int, p_units int)
returns bigint language sql immutable as $$
    select case when p_rule = 'per_call' then p_amount else p_amount * least(greatest(p_units, 0), p_units_max) end
$$;

insert into user_groups (name) values ('default');
insert into models (name) values ('z-image-turbo');
insert into prices (group_id, model_id, operation, rule, amount, effective_from)
select g.id, m.id, o, 'per_call', 26000, '2000-01-01'
from user_groups g, models m, unnest(enum_range(null::operation)) o;

grant select on user_groups, models, prices to zimage_service;
grant insert, update on user_groups, models to zimage_service;

-- Privileges keep the service from changing prices; this keeps the owner from it too. A version can be withdrawn until a
-- minute before it comes into force, so that a withdrawal whose commit is late cannot reach one that tasks were made under.
create function refuse_price_change() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' then
        if old.withdrawn_at is null and old.effective_from > clock_timestamp() + interval '1 minute'
            and to_jsonb(new) - '{withdrawn_at,withdrawn_by,withdrawn_reason}'::text[]
                = to_jsonb(old) - '{withdrawn_at,withdrawn_by,withdrawn_reason}'::text[]
        then return new; end if;
    end if;
    raise exception 'prices are never changed or deleted, only withdrawn before they come into force'
        using errcode = '42501', constraint = 'prices_immutable';
end $$;
create trigger prices_immutable before update or delete on prices for each row execute function refuse_price_change();
create trigger prices_not_truncated before truncate on prices for each statement execute function refuse_price_change();

-- Sets prices of one group and answers the new versions in the order of the arrays; nothing when the group or a model is
-- not known. A null date is now. A version of the same model, operation, size and date that is not in force yet is
-- replaced. The group's row serializes changes of its prices.
create function set_prices(
    p_group text, p_models text[], p_operations text[], p_tiers text[], p_rules text[], p_amounts bigint[],
    p_units_max int[], p_from timestamptz[], p_reason text, p_actor text)
returns table (id bigint, effective_from timestamptz, replaced bigint)
language plpgsql security definer set search_path = public, pg_temp as $$
#variable_conflict use_column
declare
    own int;
    at timestamptz;
    v_model int[];
    v_from timestamptz[];
    v_replaced bigint[];
begin
    select g.id into own from user_groups g where g.name = p_group for no key update;
    at := clock_timestamp();
    v_model := array(select m.id from unnest(p_models) with ordinality i (model, n)
        left join models m on m.name = i.model order by i.n);
    if own is null or array_position(v_model, null) is not null then return; end if;

    -- Clocks differ a little, so a moment that has just gone by is now; the tasks made meanwhile keep their price.
    if exists (select from unnest(p_from) i (date) where i.date < at - interval '1 minute') then
        raise exception 'prices are not changed backwards' using errcode = '22023', constraint = 'prices_not_backwards';
    end if;
    v_from := array(select greatest(i.date, at) from unnest(p_from) with ordinality i (date, n) order by i.n);

    v_replaced := array(
        select p.id from unnest(v_model, p_operations::operation[], p_tiers, v_from) with ordinality
                i (model, operation, tier, date, n)
            left join prices p on p.group_id = own and p.model_id = i.model and p.operation = i.operation
                and coalesce(p.size_tier, '') = coalesce(i.tier, '') and p.effective_from = i.date
                and p.withdrawn_at is null
        order by i.n);
    update prices p set withdrawn_at = at, withdrawn_by = p_actor, withdrawn_reason = p_reason
    where p.id = any (v_replaced) and p.withdrawn_at is null;

    return query
    with made as (
        insert into prices (group_id, model_id, operation, size_tier, rule, amount, units_max, effective_from, actor, reason)
        select own, i.model, i.operation, i.tier, i.rule, i.amount, i.units_max, i.date, p_actor, p_reason
        from unnest(v_model, p_operations::operation[], p_tiers, p_rules::billing_rule[], p_amounts, p_units_max, v_from)
            with ordinality i (model, operation, tier, rule, amount, units_max, date, n)
        order by i.n
        returning prices.id, prices.effective_from)
    -- Ids are drawn in the order of the arrays.
    select m.id, m.effective_from, v_replaced[row_number() over (order by m.id)] from made m order by m.id;
end $$;

-- Takes back a version; refuse_price_change says until when.
create function withdraw_price(p_id bigint, p_reason text, p_actor text)
returns timestamptz language sql security definer set search_path = public, pg_temp as $$
    update prices set withdrawn_at = clock_timestamp(), withdrawn_by = p_actor, withdrawn_reason = p_reason
    where id = p_id returning withdrawn_at
$$;

revoke execute on function
    set_prices(text, text[], text[], text[], text[], bigint[], int[], timestamptz[], text, text),
    withdraw_price(bigint, text, text) from public;
grant execute on function
    set_prices(text, text[], text[], text[], text[], bigint[], int[], timestamptz[], text, text),
    withdraw_price(bigint, text, text) to zimage_service;
