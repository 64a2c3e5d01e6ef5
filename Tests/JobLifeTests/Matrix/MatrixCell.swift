import Admission
import Domain
import Providers
import Simulator
import TestSupport

/// A provider as an operator may set it up.
struct MatrixSubject: Sendable, Hashable, CustomStringConvertible {
    let kind: ProviderKind
    var engine: EngineDialect?
    /// Whether its pictures cost something; one's own engine bills nothing.
    var bills = true

    /// Every kind with every engine that the simulator plays. It has no `/openai` in front of its routes, as this product has.
    static let all: [MatrixSubject] = ProviderKind.allCases.flatMap { kind in
        let engines: [EngineDialect?] = (kind.needsEngine ? [] : [nil]) + kind.engines
        let played = engines.filter { kind != .openaiImages || $0 != .zimage }
        let bills = kind == .openaiImages ? [true, false] : [true]
        return played.flatMap { engine in bills.map { MatrixSubject(kind: kind, engine: engine, bills: $0) } }
    }

    var price: ProviderCost { Simulator.Settings.usualPrice(of: kind) }
    /// A small one that it draws.
    var size: ImageSize {
        switch kind {
        case .zimageturbo: AspectRatio.landscape16x9.size
        case .unified: ImageSize(width: 376, height: 376)
        case .novita, .highway, .openaiImages: ImageSize(width: 256, height: 256)
        }
    }

    var description: String { [kind.rawValue, engine?.rawValue, bills ? nil : "free"].compactMap { $0 }.joined(separator: " ") }
}

/// One job at a provider that has one fault.
struct MatrixCell: Sendable, CustomStringConvertible {
    var number = 0
    let subject: MatrixSubject
    let moment: Moment
    let fault: Fault
    /// Whether it goes wrong each time instead of once.
    var isAlways = false
    /// Whether another provider is there that does nothing wrong.
    let hasSecond: Bool
    /// How long a call may take; nil for long enough for a busy machine, where calls that get no answer take so long.
    var patienceSeconds: Int?

    /// Every fault at each of the moments, of all subjects; once, and always where that makes a difference.
    static func all(_ moments: Set<Moment>, hasSecond: [Bool] = [false, true]) -> [MatrixCell] {
        var cells: [MatrixCell] = []
        for subject in MatrixSubject.all {
            for moment in Moment.allCases where moments.contains(moment) {
                for fault in Fault.possible(subject.kind, at: moment) {
                    for hasSecond in hasSecond {
                        let once = MatrixCell(subject: subject, moment: moment, fault: lasting(fault), hasSecond: hasSecond)
                        var always = once
                        always.isAlways = true
                        cells.append(once)
                        if moment == .cancel || MatrixRule(once)?.end != MatrixRule(always)?.end { cells.append(always) }
                    }
                }
            }
        }
        for index in cells.indices { cells[index].number = index }
        return cells
    }

    /// One that is slow is slower than anybody waits.
    private static func lasting(_ fault: Fault) -> Fault { if case .slow = fault { .slow(seconds: 60) } else { fault } }

    /// What its prompt has and no other.
    var word: String { "cell-" + String(String(10_000 + number).dropFirst()) }
    var prompt: String { "a cat, \(word)" }

    /// The number of the cell that a prompt is of.
    static func number(in prompt: String) -> Int? { prompt.contains("cell-") ? Int(prompt.suffix(4)) : nil }

    var provider: String { "faulty-\(number)" }
    /// Each has a model of its own, so that it has its providers for itself.
    var model: String { "model-\(number)" }
    var script: ScriptedFault { .on(moment, fault, times: isAlways ? nil : 1, word: word) }

    /// Whether it is noticed by the time that passes alone.
    var isSilent: Bool {
        switch fault {
        case .slow, .hang, .hangAfter: true
        default: false
        }
    }

    var timeoutSeconds: Int { patienceSeconds ?? (isSilent ? 2 : 60) }

    var description: String {
        "\(subject): \(moment.rawValue) \(fault.text) \(isAlways ? "always" : "once")\(hasSecond ? ", with a second" : "")"
    }

    func submission(_ tenant: Tenant) -> Submission {
        let size = subject.size
        let image = ImageRequest(
            prompt: prompt, sizeText: "\(size.width)x\(size.height)", size: size, seed: 7, format: .jpeg, nsfwCheck: false)
        return Submission(
            keyID: tenant.keyID, walletID: tenant.walletID, model: model, operation: .generate, dialect: "unified", image: image,
            callbackURL: nil, idempotencyKey: nil, fingerprint: [1])
    }
}
