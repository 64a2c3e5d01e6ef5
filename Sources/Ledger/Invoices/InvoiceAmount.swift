/// Reads the amount of an invoice's line exactly: no floating-point number is ever made of it.
enum InvoiceAmount {
    /// The most that one line may cost, in millionths: a million of the currency. So the sum of the most lines that an
    /// invoice may have stays below 2^63.
    static let microMax: Int64 = 1_000_000_000_000

    /// Why a text is no amount.
    enum Refusal: Error, Equatable {
        case notANumber, tooLarge
        /// A column of whole units holds a fraction.
        case notWhole
    }

    /// Millionths of the currency, rounded half away from zero where the text is finer.
    /// - Parameters:
    ///   - text: digits with at most one point, a sign, and an exponent as programs write it: `-0.0042`, `4.2e-05`.
    ///   - units: a power of ten: how many units of the text make one of the currency. If more than 1, they are whole.
    static func micro(_ text: ArraySlice<UInt8>, units: Int) throws(Refusal) -> Int64 {
        var rest = text[...]
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
        var number = try mantissa(&rest)
        number.exponent += try exponent(rest)
        if units > 1, number.exponent < 0, number.digits != 0 {
            guard number.exponent > -19, number.digits % powers[-number.exponent] == 0 else { throw .notWhole }
        }
        let shift = number.exponent + 6 - (units.description.count - 1)
        let micro = try scaled(number.digits, by: shift)
        guard micro <= microMax else { throw .tooLarge }
        return isNegative ? -micro : micro
    }

    private static let powers: [Int64] = (0...18).map { (0..<$0).reduce(1) { power, _ in power * 10 } }

    /// The digits before an exponent as a whole number, and the power of ten to multiply it with. Digits after the
    /// eighteenth are too small to matter, or the number is too large anyway.
    private static func mantissa(_ rest: inout ArraySlice<UInt8>) throws(Refusal) -> (digits: Int64, exponent: Int) {
        var (digits, exponent, count) = (Int64(0), 0, 0)
        var hasPoint = false
        while let byte = rest.first {
            if byte == UInt8(ascii: "."), !hasPoint {
                hasPoint = true
            } else if (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
                count += 1
                if digits < powers[17] {
                    digits = digits * 10 + Int64(byte - UInt8(ascii: "0"))
                    if hasPoint { exponent -= 1 }
                } else if !hasPoint {
                    exponent += 1
                }
            } else {
                break
            }
            rest = rest.dropFirst()
        }
        guard count > 0 else { throw .notANumber }
        return (digits, exponent)
    }

    private static func exponent(_ text: ArraySlice<UInt8>) throws(Refusal) -> Int {
        guard let mark = text.first else { return 0 }
        let digits = String(decoding: text.dropFirst(), as: UTF8.self)
        guard mark == UInt8(ascii: "e") || mark == UInt8(ascii: "E"), digits.utf8.count <= 4, let exponent = Int(digits) else {
            throw .notANumber
        }
        return exponent
    }

    private static func scaled(_ digits: Int64, by shift: Int) throws(Refusal) -> Int64 {
        if digits == 0 || shift < -18 { return 0 }
        if shift >= 0 {
            guard shift <= 18, case (let product, let overflow) = digits.multipliedReportingOverflow(by: powers[shift]),
                !overflow
            else { throw .tooLarge }
            return product
        }
        let (quotient, remainder) = digits.quotientAndRemainder(dividingBy: powers[-shift])
        return quotient + (remainder >= powers[-shift] - remainder ? 1 : 0)
    }
}
