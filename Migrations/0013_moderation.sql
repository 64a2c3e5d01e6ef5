-- Why: what prompts may not say, and how often each key tried.
--
-- Rules are never changed or deleted, only withdrawn, so that the audit log can name them by number: the log, answers and
-- the service's own log never repeat a word of the list. How a rule is written: Sources/Moderation/Words/WordRule.swift.

create table moderation_words (
    id bigint generated always as identity primary key,
    rule text not null check (length(rule) between 1 and 500),
    category text not null check (category in (
        'sexual/minors', 'self-harm/instructions', 'self-harm/intent', 'self-harm', 'hate/threatening', 'hate',
        'harassment/threatening', 'harassment', 'illicit/violent', 'illicit', 'violence/graphic', 'violence', 'sexual')),
    -- basic refuses always, strict where nsfw_check asks for it, allowed lifts what lies within the phrase.
    level text not null check (level in ('basic', 'strict', 'allowed')),
    built_in boolean not null default false,
    created_at timestamptz not null default clock_timestamp(),
    removed_at timestamptz
);
create unique index moderation_words_once on moderation_words (rule, level) where removed_at is null;

-- Grows with every change of the list; nodes read it every second and the list when it has grown.
create table moderation_epoch (
    singleton boolean primary key default true check (singleton),
    epoch bigint not null
);
insert into moderation_epoch (epoch) values (1);
create function bump_moderation_epoch() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
    update moderation_epoch set epoch = epoch + 1;
    return null;
end $$;
create trigger moderation_words_bump after insert or update or delete on moderation_words
    for each statement execute function bump_moderation_epoch();

-- One row per key, day (UTC) and category, written in batches: enough to notice who is probing.
create table moderation_refusals (
    key_id bigint not null,
    day date not null,
    category text not null,
    refused bigint not null check (refused > 0),
    primary key (key_id, day, category)
) with (fillfactor = 80);
create index moderation_refusals_of_day on moderation_refusals (day);

grant select on moderation_words, moderation_epoch, moderation_refusals to zimage_service;
grant insert on moderation_words to zimage_service;
grant update (removed_at) on moderation_words to zimage_service;
grant insert, update (refused) on moderation_refusals to zimage_service;

-- What an installation starts with: a floor, small on purpose. Words that are harmless more often than not (`cock`, `tit`,
-- `pussy willow`, names) are not in it.
insert into moderation_words (rule, category, level, built_in)
select rule, category, level, true from (values
    ('child porn*|childporn*|kiddie porn*|kid porn*|child erotica|csam|underage porn*|teen porn*|preteen porn*', 'sexual/minors', 'basic'),
    ('lolicon*|lolita porn*|loli hentai|shotacon*|toddlercon|pedophil*|paedophil*|pedo porn|jailbait', 'sexual/minors', 'basic'),
    ('child|children|childs|kid|kids|toddler*|infant|preteen*|underage*|underaged|minor girl|minor boy|schoolgirl*|schoolboy*'
     '|little girl*|little boy*|young girl*|young boy*|loli|shota|kindergarten*|elementary school*'
     ' + nude*|nudity|naked*|topless|undress*|porn*|erotic*|hentai|nsfw|sex|sexy|sexual*|lingerie|genital*|orgasm*|masturbat*',
     'sexual/minors', 'basic'),
    ('5 year old*|6 year old*|7 year old*|8 year old*|9 year old*|10 year old*|11 year old*|12 year old*|13 year old*|14 year old*'
     '|15 year old*|16 year old*|17 year old* + nude*|nudity|naked*|topless|undress*|porn*|erotic*|hentai|nsfw|sex|sexy|sexual*',
     'sexual/minors', 'basic'),
    ('儿童色情|兒童色情|幼女色情|萝莉色情|蘿莉色情|児童ポルノ|아동 포르노|아동포르노|детское порно|детская порнография|детскую порнографию',
     'sexual/minors', 'basic'),
    ('儿童|兒童|小孩|孩子|幼女|幼童|小女孩|小男孩|女童|男童|萝莉|蘿莉|正太|未成年|小学生|小學生|初中生|園児|幼児'
     ' + 裸体|裸體|裸照|全裸|赤裸|脱光|色情|性感|性爱|性愛|做爱|做愛|淫秽|淫穢', 'sexual/minors', 'basic'),
    ('طفل|طفلة|أطفال|قاصر|قاصرات + عار|عارية|عاري|إباحي*|إباحية|جنس|جنسي*', 'sexual/minors', 'basic'),
    ('ребенок|ребёнок|дети|детей|девочка|девочки|мальчик|школьница + голый|голая|голые|голой|обнаженн*|порно*|эротик*|секс*',
     'sexual/minors', 'basic'),
    ('niña|niño|niñas|niños|menor de edad|menores + desnud*|porno*|erotic*|sexo|sexual*', 'sexual/minors', 'basic'),
    ('bestiality|zoophil*|necrophil*', 'sexual', 'basic'),
    ('rape|raped|raping|rapist + nude*|naked|porn*|sex|sexy|hentai|erotic*', 'sexual', 'basic'),
    ('snuff film*|snuff porn*|snuff video*', 'violence/graphic', 'basic'),
    ('how to build a bomb|how to make a bomb|pipe bomb instructions|bomb making instructions', 'illicit/violent', 'basic'),
    ('how to kill myself|how to commit suicide|suicide instructions', 'self-harm/instructions', 'basic'),

    ('nude|nudes|nudity|nudist*|naked|nakedness|topless|bottomless|undressed|porn*|pornhub|hentai|nsfw|erotic*|sex|sexual*', 'sexual', 'strict'),
    ('orgasm*|masturbat*|genital*|penis|penises|vagina*|vulva|clitoris|blowjob*|handjob*|fellatio|cunnilingus|boobs|tits|cumshot*'
     '|deepthroat|gangbang*|dildo*|bukkake|creampie porn|bdsm|fetish porn|striptease|strip club', 'sexual', 'strict'),
    ('desnud*|pornograf*|erotico|erotica|nackt*|pornographi*|erotik*|nudo integrale|nua|pelado sexo|erotique|nue erotique', 'sexual', 'strict'),
    ('色情|裸体|裸體|裸照|全裸|裸女|裸男|赤身裸体|淫秽|淫穢|淫荡|艳照|豔照|黄色图片|成人电影|成人電影|性爱|自慰器', 'sexual', 'strict'),
    ('ヌード写真|ヌード画像|ヌードモデル|エロ画像|エロ漫画|ポルノ|裸婦|セックス|누드|포르노|야동|알몸', 'sexual', 'strict'),
    ('порно*|порнограф*|голая|голый|обнаженн*|эротик*|эротическ*|секс', 'sexual', 'strict'),
    ('إباحي|إباحية|عارية|عاري|عراة|جنسي|جنسية', 'sexual', 'strict'),
    ('नग्न|अश्लील|नंगी|นู้ด|โป๊เปลือย|khoả thân|khiêu dâm|telanjang|çıplak|porno', 'sexual', 'strict'),
    ('gore|gory|beheading|beheaded|decapitat*|dismember*|disembowel*|eviscerat*|mutilat*|torture porn|斩首|斬首|肢解|开膛破肚|血腥|断头|斷頭',
     'violence/graphic', 'strict'),
    ('suicide|suicidal|self harm|selfharm|slit wrists|cutting wrists|自杀|自殺|自残|自殘|割腕|самоубийство|انتحار', 'self-harm', 'strict'),
    ('swastika*|nazi salute|heil hitler|ku klux klan|white power|hakenkreuz*', 'hate', 'strict'),
    ('pipe bomb|cook meth|meth lab|bomb making|制作炸弹', 'illicit/violent', 'strict'),

    ('naked mole rat*|naked juice|naked eye|naked singularity|nude lipstick|nude heels|nude tones', 'sexual', 'allowed'),
    ('sex education|same sex|sexual reproduction|sexual dimorphism|asexual', 'sexual', 'allowed'),
    ('色情调|色情調|色情怀|色情懷|色情感|色情绪|色情緒|色情侣|色情侶|色情人节|色情人節|色情景', 'sexual', 'allowed'),
    ('血腥玛丽|血腥瑪麗|bloody mary', 'violence/graphic', 'allowed'),
    ('suicide squad|自杀小队', 'self-harm', 'allowed')
) as seed (rule, category, level);
