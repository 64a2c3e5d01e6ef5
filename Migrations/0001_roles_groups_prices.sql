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

-- A price is never changed: a new one with a later date takes its place, and tasks name the one they were made under.
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
    check (rule <> 'per_call' or units_max = 1),
    check (amount::numeric * units_max <= 1000000000000000)
);
create index prices_in_force on prices (group_id, model_id, operation, effective_from desc);

insert into user_groups (name) values ('default');
insert into models (name) values ('z-image-turbo');
insert into prices (group_id, model_id, operation, rule, amount, effective_from)
select g.id, m.id, o, 'per_call', 26000, '2000-01-01'
from user_groups g, models m, unnest(enum_range(null::operation)) o;

grant select on user_groups, models, prices to zimage_service;
grant insert, update on user_groups, models to zimage_service;
grant insert on prices to zimage_service;
