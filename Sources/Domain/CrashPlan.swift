/// Where a program is to die, for tests which prove that dying there loses nothing and charges nothing twice: at a named
/// point, the first time that it gets there or a later one.
public struct CrashPlan: Sendable, Equatable {
    /// Such as `after close_tasks`.
    public let point: String
    /// How many arrivals at the point are still to come; the last of them is the one to die at.
    private var arrivalsLeft: Int

    private static let arrivals = 1...1_000_000

    /// Reads `after close_tasks` or, for the third time, `after close_tasks:3`.
    /// - Parameter points: those that the program can get to.
    public init(_ text: String, points: Set<String>) throws(CrashPlanError) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard points.contains(String(parts[0])) else { throw .unknownPoint(String(parts[0])) }
        guard let count = parts.count == 1 ? 1 : Int(parts[1]), Self.arrivals.contains(count) else {
            throw .badCount(String(parts[1]))
        }
        point = String(parts[0])
        arrivalsLeft = count
    }

    /// Notes that the program got to a point; true when it is to die there and now.
    public mutating func arrives(at point: String) -> Bool {
        guard point == self.point, arrivalsLeft > 0 else { return false }
        arrivalsLeft -= 1
        return arrivalsLeft == 0
    }
}

/// A text names no place to die at.
public enum CrashPlanError: Error, Sendable, Equatable, CustomStringConvertible {
    case unknownPoint(String)
    case badCount(String)

    public var description: String {
        switch self {
        case .unknownPoint(let point): "there is no point '\(point)': `zserve crash-points` lists them"
        case .badCount(let count): "'\(count)' is no number of times: give one from 1 to 1000000, as in after close_tasks:3"
        }
    }
}
