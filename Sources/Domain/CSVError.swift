/// Why a text is not CSV. Lines count from 1 and are those that an editor shows; fields and bytes count from 1 as well.
public enum CSVError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A byte that no UTF-8 text has there.
    case notUTF8(line: Int, byte: Int, value: UInt8)
    /// The quote that opens on this line is never closed.
    case unclosedQuote(line: Int)
    /// A quote inside a field that does not begin with one.
    case strayQuote(line: Int, field: Int)
    /// Something between a closing quote and the next comma.
    case textAfterQuote(line: Int, field: Int)
    /// A carriage return without a line feed.
    case bareReturn(line: Int)
    /// More bytes than a field may have.
    case fieldTooLong(line: Int, field: Int, bytesMax: Int)
    /// More bytes than a line may have.
    case lineTooLong(line: Int, bytesMax: Int)
    /// More fields than a line may have.
    case tooManyFields(line: Int, fieldsMax: Int)
    /// Another number of fields than the first line has.
    case fieldCount(line: Int, found: Int, expected: Int)

    public var description: String {
        switch self {
        case .notUTF8(let line, let byte, let value):
            let digits = String(value, radix: 16, uppercase: true)
            return "line \(line), byte \(byte) is not UTF-8 text (0x\(value < 16 ? "0" : "")\(digits)): save the file as UTF-8"
        case .unclosedQuote(let line):
            return "line \(line): a quote opens here and is never closed: close it, or double it inside a quoted field"
        case .strayQuote(let line, let field):
            return "line \(line), field \(field): a quote inside a field without quotes: put the field in quotes and double it"
        case .textAfterQuote(let line, let field):
            return "line \(line), field \(field): text after a closing quote: put a comma there, or double the quote"
        case .bareReturn(let line):
            return "line \(line): a carriage return without a line feed: end lines with a line feed"
        case .fieldTooLong(let line, let field, let most):
            return "line \(line), field \(field): more than \(most) bytes: look for a quote that is not closed"
        case .lineTooLong(let line, let most):
            return "line \(line): more than \(most) bytes: look for a quote that is not closed"
        case .tooManyFields(let line, let most):
            return "line \(line): more than \(most) fields: look whether this is a CSV file"
        case .fieldCount(let line, let found, let expected):
            return "line \(line) has \(found) fields, the first line has \(expected): give all lines as many commas"
        }
    }
}
