/// From which score on a category refuses. Categories that are not named never do.
public struct Thresholds: Sendable, Equatable {
    let scores: [ModerationCategory: Double]

    /// Reads `sexual/minors=0.1,sexual=0.9`; what is wrong says how to write it.
    public init(_ text: String) throws(ThresholdsError) {
        var scores: [ModerationCategory: Double] = [:]
        for entry in text.split(separator: ",") {
            let sides = entry.split(separator: "=", omittingEmptySubsequences: false).map { $0.filter { !$0.isWhitespace } }
            guard sides.count == 2, let category = ModerationCategory(rawValue: sides[0]), let score = Double(sides[1]),
                score > 0, score <= 1, scores.updateValue(score, forKey: category) == nil
            else { throw ThresholdsError(entry: String(entry.prefix(64))) }
        }
        self.scores = scores
    }

    init(_ scores: [ModerationCategory: Double]) { self.scores = scores }

    /// The worst category that reaches its threshold.
    func refusal(of found: [ModerationCategory: Double]) -> ModerationCategory? {
        scores.filter { category, least in (found[category] ?? 0) >= least }.keys.min { $0.rank < $1.rank }
    }
}

/// An entry of a thresholds' text cannot be read.
public struct ThresholdsError: Error, Equatable, CustomStringConvertible {
    let entry: String

    /// How to write it.
    public var description: String {
        "\"\(entry)\" is not CATEGORY=SCORE: write each category once, with a score above 0 and at most 1, such as sexual=0.9; "
            + "the categories are \(ModerationCategory.allCases.map(\.rawValue).joined(separator: ", "))"
    }
}
