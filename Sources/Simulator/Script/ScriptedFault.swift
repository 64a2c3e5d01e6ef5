import Providers
import Synchronization

/// The simulator cannot do what it was asked; the text says what to write instead.
public struct SimulatorError: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String
    init(_ description: String) { self.description = description }
}

/// A fault with where and how often it happens.
public struct ScriptedFault: Sendable, Equatable, CustomStringConvertible {
    /// In which calls.
    public let moment: Moment
    /// What goes wrong.
    public let fault: Fault
    /// In the first so many; nil: in each.
    public let times: Int?
    /// Only for jobs whose prompt has this in it; nil: for all.
    public let word: String?

    /// `.on(.submit, .status(503), times: 2)`
    public static func on(_ moment: Moment, _ fault: Fault, times: Int? = 1, word: String? = nil) -> ScriptedFault {
        ScriptedFault(moment: moment, fault: fault, times: times, word: word)
    }

    private init(moment: Moment, fault: Fault, times: Int?, word: String?) {
        (self.moment, self.fault, self.times, self.word) = (moment, fault, times, word)
    }

    /// Reads `MOMENT:FAULT[:TIMES][@WORD]`: `submit:503`, `poll:slow=3:2`, `fetch:truncated:*@cat`.
    public init(_ text: String) throws(SimulatorError) {
        let halves = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        let parts = halves[0].split(separator: ":", omittingEmptySubsequences: false)
        let refusal = SimulatorError(
            "'\(text)' is no fault: write MOMENT:FAULT[:TIMES][@WORD], such as submit:503, poll:slow=3:2 or fetch:truncated:*@cat")
        guard (2...3).contains(parts.count), let moment = Moment(rawValue: String(parts[0])), let fault = Fault(parts[1]) else {
            throw refusal
        }
        let times = parts.count == 3 ? Int(parts[2]) : 1
        guard (parts.count == 3 && parts[2] == "*") || (times.map { $0 > 0 } ?? false) else { throw refusal }
        guard halves.count == 1 || !halves[1].isEmpty else { throw refusal }
        self.init(moment: moment, fault: fault, times: times, word: halves.count == 2 ? String(halves[1]) : nil)
    }

    public var description: String {
        let end = times == 1 ? "" : ":\(times.map(String.init) ?? "*")"
        return "\(moment.rawValue):\(fault.text)\(end)\(word.map { "@\($0)" } ?? "")"
    }

    /// Refuses a fault that this kind of provider cannot have there.
    func check(_ kind: ProviderKind) throws(SimulatorError) {
        let possible = Fault.possible(kind, at: moment)
        guard !possible.contains(where: fault.isLike) else { return }
        let moments = Fault.moments(of: kind).map(\.rawValue).joined(separator: ", ")
        throw SimulatorError(
            possible.isEmpty
                ? "\(self): \(kind.rawValue) has no \(moment.rawValue), only \(moments)"
                : "\(self): at \(moment.rawValue), \(kind.rawValue) can have "
                    + possible.map(\.text).sorted().joined(separator: ", "))
    }
}

/// What is still to go wrong.
final class FaultScript: Sendable {
    static let faultsMax = 1000

    let kind: ProviderKind
    private let left = Mutex<[ScriptedFault]>([])

    init(_ kind: ProviderKind, _ faults: [ScriptedFault]) throws(SimulatorError) {
        self.kind = kind
        try replace(by: faults)
    }

    /// What is left of it.
    var faults: [ScriptedFault] { left.withLock { $0 } }

    func replace(by faults: [ScriptedFault]) throws(SimulatorError) {
        guard faults.count <= Self.faultsMax else { throw SimulatorError("a script has at most \(Self.faultsMax) faults") }
        for fault in faults { try fault.check(kind) }
        left.withLock { $0 = faults }
    }

    /// The first fault that applies to a call, which is used up by it.
    func take(_ moment: Moment, prompt: String) -> Fault? {
        left.withLock { left in
            let place = left.firstIndex { entry in
                entry.moment == moment && (entry.word.map { prompt.contains($0) } ?? true)
            }
            guard let place else { return nil }
            let entry = left[place]
            if let times = entry.times {
                let rest = ScriptedFault.on(moment, entry.fault, times: times - 1, word: entry.word)
                left.replaceSubrange(place...place, with: times > 1 ? [rest] : [])
            }
            return entry.fault
        }
    }
}
