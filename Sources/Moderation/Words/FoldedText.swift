import Foundation

/// A text as word rules read it: the letters alone, each in its plainest form, with what lies between them. Width, case,
/// accents, invisible signs, look-alikes and stretched letters (`nuuude`) are gone.
struct FoldedText {
    /// What lies before a letter.
    enum Gap: UInt8 { case none, mark, space }
    enum Kind: UInt8 {
        case letter
        /// A digit or sign read as a letter.
        case leet
        /// Of a script that writes no spaces between words.
        case unspaced
    }
    /// How digits and signs between letters are read: `n1ce` needs one, `n1u1d1e` the other.
    enum Reading { case leetAsLetters, leetAsMarks }

    private(set) var letters: [UInt32] = []
    private(set) var gaps: [Gap] = []
    private(set) var kinds: [Kind] = []
    /// Letters that were written three times or more.
    private(set) var stretched: [Bool] = []
    /// Whether another reading would give another text.
    private(set) var hasLeet = false
    private var gap = Gap.space
    private var run = 0

    init(_ text: String, _ reading: Reading = .leetAsLetters) {
        let isASCII = text.utf8.allSatisfy { $0 < 0x80 }
        let plain = isASCII ? text : text.decomposedStringWithCompatibilityMapping.lowercased()
        let count = text.utf8.count
        letters.reserveCapacity(count)
        gaps.reserveCapacity(count)
        kinds.reserveCapacity(count)
        stretched.reserveCapacity(count)
        for scalar in plain.unicodeScalars { add(scalar, reading) }
        // One letter for all that look like a stroke, after stretched ones are found: `kill` has only two l.
        for index in letters.indices where letters[index] == 0x6c { letters[index] = 0x69 }
    }

    private mutating func add(_ scalar: Unicode.Scalar, _ reading: Reading) {
        let value = scalar.value
        switch value {
        case 0x61...0x7a: append(value, .letter)
        case 0x41...0x5a: append(value + 0x20, .letter)
        case 0x20, 0x09...0x0d: gap = .space
        case 0..<0x80: leetOrMark(value, reading)
        default: addRare(scalar, reading)
        }
    }

    private mutating func addRare(_ scalar: Unicode.Scalar, _ reading: Reading) {
        let value = scalar.value
        if scalar.properties.isDefaultIgnorableCodePoint { return }
        if let letters = LookAlikes.letters[value] {
            for letter in letters { append(letter, .letter) }
        } else if let letter = LookAlikes.boxed(value) {
            append(letter, .letter)
        } else if Self.isUnspaced(value) {
            append(value, .unspaced)
        } else {
            addByProperties(scalar, reading)
        }
    }

    private mutating func addByProperties(_ scalar: Unicode.Scalar, _ reading: Reading) {
        let properties = scalar.properties
        switch properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format, .modifierLetter: return
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .otherLetter, .spacingMark, .letterNumber:
            append(scalar.value, .letter)
        case .decimalNumber: leetOrMark(0x30 + UInt32(properties.numericValue ?? 0), reading)
        case .spaceSeparator, .lineSeparator, .paragraphSeparator: gap = .space
        default: leetOrMark(scalar.value, reading)
        }
    }

    private mutating func leetOrMark(_ value: UInt32, _ reading: Reading) {
        guard let letter = LookAlikes.leet(value) else {
            // Control characters are nothing to the eye.
            if value >= 0x20, value != 0x7f { gap = max(gap, .mark) }
            return
        }
        hasLeet = true
        if reading == .leetAsLetters { append(letter, .leet) } else { gap = max(gap, .mark) }
    }

    private mutating func append(_ letter: UInt32, _ kind: Kind) {
        defer { gap = .none }
        run = kind == .letter && gap == .none && letter == letters.last ? run + 1 : 1
        if run >= 3 {
            if run == 3 { removeLast() }
            stretched[stretched.count - 1] = true
            return
        }
        letters.append(letter)
        gaps.append(gap)
        kinds.append(kind)
        stretched.append(false)
    }

    private mutating func removeLast() {
        letters.removeLast()
        gaps.removeLast()
        kinds.removeLast()
        stretched.removeLast()
    }

    /// Han, kana with their voicing marks, Bopomofo, Hangul in parts and whole, Thai, Lao, Myanmar, Khmer.
    private static func isUnspaced(_ value: UInt32) -> Bool {
        switch value {
        case 0x0e01...0x0eff, 0x1000...0x109f, 0x1100...0x11ff, 0x1780...0x17d3, 0x3005...0x3007, 0x3041...0x30fa,
            0x30fc...0x318f, 0x3400...0x4dbf, 0x4e00...0x9fff, 0xac00...0xd7ff, 0xf900...0xfaff, 0x20000...0x323af:
            true
        default: false
        }
    }
}

extension FoldedText.Gap: Comparable {
    static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}
