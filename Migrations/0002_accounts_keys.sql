-- Why: tenants, their wallets and their keys.

create type account_mode as enum ('live', 'test');

create table accounts (
    id bigint generated always as identity primary key,
    name text not null unique check (name ~ '^[A-Za-z0-9][A-Za-z0-9@._-]{0,126}$'),
    group_id int not null references user_groups,
    suspended_at timestamptz,
    created_at timestamptz not null default now()
);

-- One wallet per account and mode: jobs of test keys are metered in a wallet of their own and cannot reach live credits.
-- The row is also where the account's limits are counted, because admission locks it anyway.
create table wallets (
    id bigint generated always as identity primary key,
    account_id bigint not null references accounts,
    mode account_mode not null,
    -- Rule 2: nobody overspends, whatever the code above does.
    available bigint not null default 0 constraint wallets_available_not_negative check (available >= 0),
    reserved bigint not null default 0 constraint wallets_reserved_not_negative check (reserved >= 0),
    granted bigint not null default 0 check (granted >= 0),
    -- Corrections by people, up less down.
    adjusted bigint not null default 0,
    settled bigint not null default 0 check (settled >= 0),
    expired bigint not null default 0 check (expired >= 0),
    -- The part of available that comes from grants with a date, and the nearest of those dates; see 0004.
    expiring bigint not null default 0,
    next_expiry timestamptz,
    -- Tasks that wait and tasks that run; only the functions of 0007 and 0008 count.
    pending int not null default 0 check (pending >= 0),
    running int not null default 0 check (running >= 0),
    -- GCRA: the theoretical arrival time, in microseconds since 1970 by the database's clock.
    rate_tat bigint not null default 0,
    unique (account_id, mode),
    -- Nothing appears and nothing vanishes within a wallet.
    constraint wallets_conserve_credits check (granted + adjusted = available + reserved + settled + expired),
    constraint wallets_expiring_within_available check (expiring between 0 and available),
    constraint wallets_next_expiry_iff_expiring check ((next_expiry is not null) = (expiring > 0))
) with (fillfactor = 50);
create index wallets_next_expiry on wallets (next_expiry) where next_expiry is not null;

create table api_keys (
    id bigint generated always as identity primary key,
    -- Not secret: finds the row.
    selector text not null unique,
    account_id bigint not null references accounts,
    wallet_id bigint not null references wallets,
    mode account_mode not null,
    name text not null check (length(name) between 1 and 100),
    -- argon2id of the secret part, in its standard text form.
    hash text not null check (hash like '$argon2id$%'),
    -- The last characters, so that people can tell keys apart.
    hint text not null,
    rpm int check (rpm between 1 and 10000000),
    burst int check (burst between 1 and 10000000),
    models text[],
    -- What it may do at all.
    scopes text[] not null default '{generate,read}'
        constraint api_keys_scopes check (scopes <@ '{generate,read,admin}' and cardinality(scopes) > 0),
    -- Where it may be used from; null is everywhere.
    ips cidr[],
    expires_at timestamptz,
    revoked_at timestamptz,
    -- The key that took its place.
    rotated_to bigint,
    created_at timestamptz not null default now(),
    rate_tat bigint not null default 0
) with (fillfactor = 80);
create index api_keys_of_account on api_keys (account_id);

-- When a key was last used, to the minute. Apart from the keys, so that this waits for no lock and moves no epoch.
create table key_uses (
    key_id bigint primary key,
    used_at timestamptz not null
) with (fillfactor = 50);

-- A number that grows with every change that narrows somebody's rights, in the transaction of that change. Nodes read
-- it every second and trust what they remember of a key only as long as it stands still.
create table auth_epoch (
    singleton boolean primary key default true check (singleton),
    epoch bigint not null
);
insert into auth_epoch (epoch) values (1);

create function bump_auth_epoch() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
    update auth_epoch set epoch = epoch + 1;
    perform pg_notify('auth_epoch', '');
    return null;
end $$;

create trigger api_keys_bump after delete or update of revoked_at, expires_at, rpm, burst, models, scopes, ips, hash, wallet_id
    on api_keys for each statement execute function bump_auth_epoch();
create trigger accounts_bump after delete or update of suspended_at, group_id
    on accounts for each statement execute function bump_auth_epoch();
create trigger user_groups_bump after delete or update
    on user_groups for each statement execute function bump_auth_epoch();

-- What an operator did, and the answers to repeated commands.
create table audit_log (
    id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    actor text not null,
    command text not null,
    target text not null,
    reason text not null check (length(reason) between 1 and 500),
    result jsonb not null
);
create table admin_requests (
    key text primary key check (length(key) between 1 and 255),
    -- The command with its arguments: the same key with others is a mistake.
    fingerprint text not null,
    result jsonb not null,
    at timestamptz not null default clock_timestamp()
);

grant select on accounts, wallets, api_keys, auth_epoch, audit_log, admin_requests to zimage_service;
grant insert, update on accounts to zimage_service;
grant insert on api_keys, audit_log, admin_requests to zimage_service;
grant update (name, revoked_at, expires_at, rpm, burst, models, scopes, ips) on api_keys to zimage_service;
grant select, insert, update on key_uses to zimage_service;

-- Which secret this database belongs to: a node or an operator with another one would issue keys that nobody accepts.
create table installation (
    singleton boolean primary key default true check (singleton),
    secret_fingerprint text not null
);
grant select, insert on installation to zimage_service;
