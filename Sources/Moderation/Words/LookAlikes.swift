/// Signs that are read as Latin letters although compatibility forms do not say so.
enum LookAlikes {
    /// Digits and signs that stand for letters ("leetspeak"). They are letters only in a match that has a real one.
    static func leet(_ scalar: UInt32) -> UInt32? {
        switch scalar {
        case 0x30: letter("o")
        case 0x31, 0x21, 0x7c, 0xa1, 0x01c0: letter("i")
        case 0x33, 0x20ac: letter("e")
        case 0x34, 0x40: letter("a")
        case 0x35, 0x24, 0xa7: letter("s")
        case 0x37, 0x2b: letter("t")
        case 0x38: letter("b")
        case 0x39: letter("g")
        case 0x32, 0x36: scalar
        case 0xa3: letter("l")
        case 0xa2: letter("c")
        default: nil
        }
    }

    private static func letter(_ letter: Unicode.Scalar) -> UInt32 { letter.value }

    /// Lower-case letters of other alphabets that look like Latin ones, and Latin letters that do not decompose.
    static let letters: [UInt32: [UInt32]] = {
        let pairs: [(String, String)] = [
            // Cyrillic
            ("а", "a"), ("е", "e"), ("о", "o"), ("р", "p"), ("с", "c"), ("у", "y"), ("х", "x"), ("ѕ", "s"), ("і", "i"),
            ("ј", "j"), ("к", "k"), ("м", "m"), ("т", "t"), ("н", "h"), ("ԁ", "d"), ("ԛ", "q"), ("ԝ", "w"), ("һ", "h"),
            ("ӏ", "i"), ("ѵ", "v"), ("ү", "y"), ("ґ", "г"), ("ё", "e"), ("в", "b"),
            // Greek
            ("α", "a"), ("ε", "e"), ("ι", "i"), ("κ", "k"), ("ν", "v"), ("ο", "o"), ("ρ", "p"), ("τ", "t"), ("υ", "u"),
            ("χ", "x"), ("ϲ", "c"), ("ϳ", "j"), ("η", "n"), ("ω", "w"), ("γ", "y"),
            // Armenian, Cherokee, Coptic and others that are met in the wild
            ("ո", "n"), ("ս", "u"), ("օ", "o"), ("հ", "h"), ("ց", "g"), ("ⲟ", "o"), ("ⲣ", "p"), ("ⲥ", "c"), ("ᴏ", "o"),
            // Latin letters with strokes, small capitals, turned and phonetic ones
            ("ø", "o"), ("ł", "l"), ("đ", "d"), ("ħ", "h"), ("ŧ", "t"), ("ı", "i"), ("ȷ", "j"), ("ɑ", "a"), ("ɡ", "g"),
            ("ɩ", "i"), ("ɪ", "i"), ("ƀ", "b"), ("ɓ", "b"), ("ɗ", "d"), ("ð", "d"), ("ɛ", "e"), ("ǝ", "e"), ("ə", "e"),
            ("ɜ", "e"), ("ɨ", "i"), ("ɾ", "r"), ("ʀ", "r"), ("ʁ", "r"), ("ɴ", "n"), ("ŋ", "n"), ("ɲ", "n"), ("ʏ", "y"),
            ("ʙ", "b"), ("ɢ", "g"), ("ʜ", "h"), ("ʟ", "l"), ("ᴀ", "a"), ("ᴄ", "c"), ("ᴅ", "d"), ("ᴇ", "e"), ("ᴊ", "j"),
            ("ᴋ", "k"), ("ᴍ", "m"), ("ᴘ", "p"), ("ᴛ", "t"), ("ᴜ", "u"), ("ᴠ", "v"), ("ᴡ", "w"), ("ᴢ", "z"), ("ꜱ", "s"),
            ("ꜰ", "f"), ("ʌ", "v"), ("ɔ", "c"), ("ʊ", "u"), ("ʉ", "u"), ("ƙ", "k"), ("ƥ", "p"), ("ƭ", "t"), ("ƴ", "y"),
            ("þ", "p"), ("ß", "ss"), ("æ", "ae"), ("œ", "oe"), ("ⱥ", "a"), ("ɇ", "e"), ("ꞩ", "s"), ("ƨ", "s"), ("ʂ", "s"),
            ("ɦ", "h"), ("ɱ", "m"), ("ɳ", "n"), ("ʐ", "z"), ("ƶ", "z"), ("ⱡ", "l"), ("ɫ", "l"), ("ƈ", "c"), ("ʍ", "m"),
        ]
        var table: [UInt32: [UInt32]] = [:]
        for (sign, latin) in pairs {
            guard let scalar = sign.unicodeScalars.first else { continue }
            table[scalar.value] = latin.unicodeScalars.map(\.value)
        }
        return table
    }()

    /// Letters in coloured boxes: the negative circled and squared ones, and the flags' letters.
    static func boxed(_ scalar: UInt32) -> UInt32? {
        for start: UInt32 in [0x1f150, 0x1f170, 0x1f1e6] where (start..<start + 26).contains(scalar) {
            return 0x61 + scalar - start
        }
        return nil
    }
}
