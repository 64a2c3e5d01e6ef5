-- Why: who makes pictures for whom is configuration, which an operator changes while the service runs.
--
-- A provider is never deleted, because attempts, invoices and jobs under way name it; it is disabled. What its columns mean:
-- Sources/Providers/ProviderSettings.swift. Words that only the program knows (kinds, engines) are not listed here, so that
-- a new kind needs no migration; a program that does not know one leaves the provider out and says so.

create table providers (
    id int generated always as identity primary key,
    -- Reports call the built-in engine `sandbox`.
    name text not null unique check (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$' and name <> 'sandbox'),
    kind text not null check (kind ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    -- Which program it is, where a kind has several.
    engine text check (engine ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    base_url text not null check (length(base_url) between 1 and 2048),
    -- Sealed for the name by a key that is derived from the installation's secret; null where the provider wants none.
    sealed_secret bytea check (length(sealed_secret) <= 8192),
    allow_private boolean not null default false,
    enabled boolean not null default true,
    -- What a picture is expected to cost, in millionths of the currency; null when it bills nothing.
    cost bigint check (cost between 0 and 1000000000000),
    currency text check (currency ~ '^[A-Z]{3}$'),
    -- Jobs at once over all nodes; null is no limit.
    max_running int check (max_running between 1 and 1000000),
    -- Submits per minute over all nodes; null is no limit.
    rpm int check (rpm between 1 and 10000000),
    -- How long a submit may take to be answered.
    timeout_seconds int not null default 60 check (timeout_seconds between 1 and 3600),
    -- How long a job may stay without an answer.
    deadline_seconds int not null default 600 check (deadline_seconds between 1 and 86400),
    created_at timestamptz not null default clock_timestamp(),
    constraint providers_cost_has_currency check ((cost is null) = (currency is null)),
    constraint providers_deadline_after_timeout check (deadline_seconds >= timeout_seconds)
);

-- Which models a provider serves, and for whom.
create table provider_routes (
    id int generated always as identity primary key,
    provider_id int not null references providers,
    model_id int not null references models,
    -- Null is every operation.
    operation operation,
    -- Null is every group that has no route of its own for the model and operation.
    group_id int references user_groups,
    -- The provider's own name of the model.
    upstream_model text not null check (length(upstream_model) between 1 and 200),
    -- The lower is asked first; among equals by chance, by weight.
    priority int not null default 1 check (priority between 1 and 1000),
    weight int not null default 1 check (weight between 1 and 1000),
    constraint provider_routes_once unique nulls not distinct (provider_id, model_id, operation, group_id)
);

-- Grows with every change of either table; nodes read it every other second, and the tables when it has grown.
create table provider_epoch (
    singleton boolean primary key default true check (singleton),
    epoch bigint not null
);
insert into provider_epoch (epoch) values (1);
create function bump_provider_epoch() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
    update provider_epoch set epoch = epoch + 1;
    return null;
end $$;
create trigger providers_bump after insert or update or delete on providers
    for each statement execute function bump_provider_epoch();
create trigger provider_routes_bump after insert or update or delete on provider_routes
    for each statement execute function bump_provider_epoch();

-- A provider keeps its name, which its secret is sealed for, and its kind, in whose words its jobs under way are asked for.
grant select on providers, provider_routes, provider_epoch to zimage_service;
grant insert on providers to zimage_service;
grant update (engine, base_url, sealed_secret, allow_private, enabled, cost, currency, max_running, rpm, timeout_seconds,
    deadline_seconds) on providers to zimage_service;
grant insert, update (upstream_model, priority, weight), delete on provider_routes to zimage_service;
