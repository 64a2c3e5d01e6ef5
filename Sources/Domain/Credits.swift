/// An amount of money: whole micro-credits, a million to the credit. Shown and read as an exact decimal.
public struct Credits: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Micro-credits.
    public let micro: Int64

    /// An amount of micro-credits.
    public init(micro: Int64) { self.micro = micro }

    /// Nothing.
    public static let zero = Credits(micro: 0)
    /// The largest amount that one command or price may name: a billion credits.
    public static let max = Credits(micro: 1_000_000_000_000_000)

    public static func < (left: Credits, right: Credits) -> Bool { left.micro < right.micro }

    /// The shortest exact decimal: `0.026`, `3`, `-1.5`.
    public var description: String { decimalText(micro, decimals: 6) }
}

/// The shortest exact decimal of a number whose last digits are decimals.
func decimalText(_ number: some SignedInteger & FixedWidthInteger, decimals: Int) -> String {
    let digits = String(number.magnitude)
    let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.utf8.count)) + digits
    var fraction = padded.suffix(decimals)
    while fraction.last == "0" { fraction.removeLast() }
    return (number < 0 ? "-" : "") + padded.dropLast(decimals) + (fraction.isEmpty ? "" : "." + fraction)
}

/// Why a text is not an amount of credits.
public enum CreditsError: Error, Equatable, CustomStringConvertible {
    /// Not digits with at most one point.
    case notANumber(String)
    /// Finer than a micro-credit.
    case tooManyDecimals(String)
    /// Below zero.
    case negative(String)
    /// Above ``Credits/max``.
    case tooLarge(String)

    public var description: String {
        switch self {
        case .notANumber(let text): "'\(text)' is not an amount: write credits as a decimal such as 12.5"
        case .tooManyDecimals(let text): "'\(text)' has more than 6 decimals: the smallest amount is 0.000001 credits"
        case .negative(let text): "'\(text)' is negative: give an amount of 0 or more credits"
        case .tooLarge(let text): "'\(text)' is too large: at most \(Credits.max) credits"
        }
    }
}

extension Credits {
    /// Reads a decimal of at most six decimals, from 0 to ``max``.
    public init(decimal text: String) throws(CreditsError) {
        if text.hasPrefix("-") { throw .negative(text) }
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let fraction = parts.count == 2 ? parts[1] : ""
        let isDecimal = parts.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { (48...57).contains($0) } }
        guard isDecimal else { throw .notANumber(text) }
        guard fraction.count <= 6 else { throw .tooManyDecimals(text) }
        let padded = fraction + String(repeating: "0", count: 6 - fraction.count)
        guard let whole = Int64(parts[0]), whole <= Credits.max.micro / 1_000_000, let part = Int64(padded) else {
            throw .tooLarge(text)
        }
        self.init(micro: whole * 1_000_000 + part)
        guard self <= Credits.max else { throw .tooLarge(text) }
    }
}
