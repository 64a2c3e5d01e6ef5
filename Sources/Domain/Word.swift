/// A text is none of the words that a value can have.
public struct UnknownWord: Error, Sendable, Equatable, CustomStringConvertible {
    /// The text.
    public let text: String
    /// The words that are known.
    public let known: [String]

    public var description: String { "'\(text)' is not one of \(known.joined(separator: ", "))" }
}

extension RawRepresentable where Self: CaseIterable, RawValue == String {
    /// The value of a word as people write it.
    public init(word text: String) throws(UnknownWord) {
        guard let value = Self(rawValue: text) else {
            throw UnknownWord(text: text, known: Self.allCases.map(\.rawValue))
        }
        self = value
    }
}
