@testable import Moderation

/// The list that the tables of texts are tried on: the one that an installation comes with, and words whose letters lie in
/// many harmless words.
enum Samples {
    static func matcher(_ rules: [(String, ModerationCategory, WordLevel)]) throws -> WordMatcher {
        WordMatcher(try rules.map { ModerationWord(try WordRule($0.0), $0.1, $0.2) })
    }

    /// Beside the built-in rules, so that innocent texts meet the words that are hardest on them.
    static let hard: [(String, ModerationCategory, WordLevel)] = [
        ("cunt|ass|cock|tit|cum|anal|rape|hell|kill|pee|fag|slut|gun|nazi|hoe|pis|sperm|dick|shit|arse", .harassment, .basic),
    ]

    /// Texts that mean a word of the built-in list, dressed up. The first column says what is refused.
    static let evasions: [(category: ModerationCategory, texts: [String])] = [
        (
            .sexual,
            [
                "nude", "NUDE", "NuDe woman", "a nude", "nude.", "(nude)", "«nude»", "nude!", "nude!!!", "nude123", "4nude",
                "n.u.d.e", "n u d e", "n-u-d-e", "n_u_d_e", "n*u*d*e", "n/u/d/e", "n,u,d,e", "n|u|d|e", "n!u!d!e", "n+u+d+e",
                "n  u  d  e",
                "n\nu\nd\ne", "n\tu\td\te", "n . u . d . e", "n🍆u🍆d🍆e", "n•u•d•e", "n…u…d…e", "nu-de", "nu.de", "nud/e", "n'ude",
                "nu\u{200b}de", "n\u{200c}u\u{200d}de", "nu\u{feff}de", "nu\u{ad}de", "nu\u{2060}de", "nu\u{34f}de",
                "nu\u{180e}de",
                "n\u{202e}ude", "n\u{e0075}ude", "nu\u{fe0f}de", "nu\u{3164}de", "nu\u{7}de", "nu\u{0}de",
                "ｎｕｄｅ", "ＮＵＤＥ", "𝐧𝐮𝐝𝐞", "𝓷𝓾𝓭𝓮", "𝕟𝕦𝕕𝕖", "𝙣𝙪𝙙𝙚", "ⓝⓤⓓⓔ", "ⓃⓊⒹⒺ", "🅝🅤🅓🅔", "🅽🆄🅳🅴", "🇳🇺🇩🇪", "ɴᴜᴅᴇ", "ⁿᵘᵈᵉ", "⒩⒰⒟⒠",
                "nudé", "ñüđë", "n̸u̸d̸e̸", "n̶u̶d̶e̶", "N̷̛̤U̵̢͝D̴̨͝E̶̢̕", "nùdê", "nụdẹ", "ƞude|nude", "nudе", "nuԁe",
                "nυde", "nսde", "νude nude",
                "nud3", "nud€", "n0t nud3", "nuuude", "nuuuuuuude", "nnnude", "nudeee", "NUUUDEEE", "nude's", "nude-woman",
                "woman/nude",
                "[nude]", "nude,", "\"nude\"", "nude_woman", "#nude", "@nude", "<nude>", "nude&naked",
                "p0rn", "p0rnography", "P.O.R.N", "pоrn", "рorn", "pornographic", "porn star", "s3x", "5ex", "$ex", "sеx",
                "s3xual", "sexual",
                "s e x", "s-e-x", "seeex", "SEXXXX", "h3nta1", "hentai!", "n4k3d", "nak3d", "n@ked", "n@k3d", "naked",
                "NAKED", "tоpless", "b00bs",
                "boobs", "booobs boobs", "boooobs", "boooooobs", "t1ts", "tits", "pen1s", "pen!s", "p3n1s", "vag1na",
                "blow-job blowjob",
                "b1owjob", "blowj0b", "bl0wj0b", "BDSM", "B.D.S.M.", "nsfw", "N S F W", "erotica", "er0tic",
                "色情", "色 情", "色.情", "色\u{200b}情", "一张色情图片", "裸体女人", "裸-体", "裸體", "全裸的人", "裸女", "她的裸照", "淫秽画面",
                "全裸", "ヌード写真", "ﾇｰﾄﾞ写真", "エロ画像", "누드 사진", "포르노", "голая женщина", "ГОЛАЯ", "эротика", "порнография",
                "صورة عارية", "عَارِيَة", "إباحية", "إبـاحـيـة", "mujer desnuda", "desnudó", "nackte Frau", "नग्न",
            ]
        ),
        (
            .sexualMinors,
            [
                "child porn", "childporn", "ch1ld p0rn", "c h i l d  p o r n", "child-porn", "Child  Pornography", "lolicon",
                "l0l1con", "loIicon",
                "l o l i c o n", "shotacon", "a naked child", "nude little girl", "schoolgirl, naked", "kids in lingerie",
                "n4ked k1d",
                "toddler topless", "a 13 year old, nude", "12 year old girl naked", "underage sex", "儿童色情", "裸体的小女孩", "萝莉 色情",
                "幼女全裸", "児童ポルノ", "детское порно", "طفلة عارية", "niña desnuda", "pedophilia", "paedophiles", "p3dophil3",
                "jailbait",
            ]
        ),
        (.violenceGraphic, ["gore", "g0re", "g.o.r.e", "beheading", "decapitated", "肢解", "血腥", "血 腥", "snuff film",
        "dismembered"]),
        (.selfHarm, ["suicide", "su1c1de", "s u i c i d e", "self-harm", "self harm", "selfharm", "自杀", "自殺", "انتحار"]),
        (.hate, ["swastika", "sw4stika", "Swastikas", "heil hitler", "H.e.i.l H.i.t.l.e.r", "Ku Klux Klan"]),
    ]

    /// Texts that must be accepted, also where strict moderation was asked for and with the hard words in the list.
    static let innocent = [
        "Scunthorpe", "a view of Scunthorpe at dusk", "Penistone railway station", "Essex", "Sussex",
        "Middlesex county cricket", "Wessex",
        "Cockermouth", "Lightwater", "Clitheroe castle", "Shitterton village", "Arsenal stadium", "Dickens novel", "grape",
        "grapes on a table",
        "drapes", "therapist", "a therapist's office", "class", "classic car", "classroom", "glass", "grass", "brass band",
        "bass guitar",
        "mass", "assassin's robe", "assembly line", "passport", "compass", "embassy", "cassette", "massage chair",
        "assorted fruits",
        "peacock", "cockpit view", "cockatoo", "cocktail", "hancock tower", "title page", "titanium watch", "titmouse",
        "constitution",
        "document", "cucumber", "accumulate", "circumference", "analysis chart", "analog camera", "canal in Venice", "banal",
        "hello", "shell",
        "seashell", "skill", "killer whale", "speed", "peel", "flag", "flags", "burgundy", "gunmetal grey", "begun", "shoe",
        "hoedown",
        "pistachio", "pistol", "sextant", "a brass sextant", "sextet", "unisex clothing", "asexual",
        "same-sex couple holding hands",
        "sex education poster", "naked mole rat", "a naked mole-rat in a burrow", "nude lipstick",
        "pen is mightier than the sword",
        "the pen is on the table", "as s and t", "an ude", "new day", "exporn", "evaporate", "popcorn", "corn", "hyperventilate",
        "Magnus Carlsen", "Nudel soup recipe", "Bloody Mary cocktail", "a Suicide Squad poster", "grotesque gargoyle",
        "category", "gorilla",
        "gorgeous view", "Gregor", "children playing in a park", "a little girl with a red balloon", "kids birthday party",
        "a 10 year old boy reads", "schoolgirl walking in the rain", "1080p, 4k, 8k, f/1.8, 50mm, 3d", "ISO 100, 1/250 s",
        "h1n1 virus model",
        "24/7 shop", "$5 and 10% off", "C++ logo", "R2-D2 and C-3PO", "1. a cat 2. a dog", "A B C D E F G", "U.S.A. flag",
        "!!!", "", " ", "…",
        "user_id=17", "hill, mill, still", "all ill", "aaaaah", "zzzzz", "Mississippi", "bookkeeper", "loll", "0123456789",
        "一只猫", "暖色情调的房间", "蓝色情调", "红色情人节", "蓝色情侣装", "男性交谈", "女性交流会", "出口交通", "路口交通灯", "亲自慰问老人", "做爱心早餐",
        "特色情怀", "血腥玛丽鸡尾酒", "小女孩在公园", "裸眼3D", "裸车", "儿童乐园", "ヌードル", "カップヌードルの写真", "エロイカ交響曲", "子供と犬", "누나와 동생",
        "кот на окне", "рот и нос", "нос собаки", "дети в парке", "секретарь", "секунда", "قطة جميلة", "طفل يلعب",
        "أطفال في الحديقة",
        "عارض أزياء", "una niña con un globo", "gato negro", "ein Kind im Park", "बिल्ली", "แมว", "mèo", "İstanbul'da kedi",
        "Ελλάδα", "עיר",
    ]
}
