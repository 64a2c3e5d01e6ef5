import Domain
import Providers
import Simulator

@testable import JobLife

/// How a cell ends, in the words in which its rule and the installation tell it; its provider is called `faulty`.
struct CellEnd: Equatable, CustomStringConvertible {
    /// State, error code and settled micro-credits.
    var task: [String?]
    /// Each submit with its state and fault, as `zadmin task show` has them; `...` where one was made more than once.
    var story: [String]
    /// How the last attempt ended, and at whose hands.
    var attempt: [String?]
    /// Pictures that the provider with the fault charges for, and that the second one does; nil where nothing is billed.
    var charged: [Int?]
    /// Who is expected to bill how much.
    var bills: [String]

    var description: String {
        func words(_ list: [String?]) -> String { list.map { $0 ?? "-" }.joined(separator: " ") }
        return "\(words(task)) | \(story.joined(separator: ", ")) | \(words(attempt)) | charged \(charged) | bills \(bills)"
    }
}

/// What a fault means, as the kind documents it and as HTTP has it. Written from the rules of money, not from the code.
enum FaultMeaning: Equatable {
    /// Nothing that the caller notices, but for the bill.
    case well
    /// There will be no picture, and nothing is charged.
    case refused(FaultWord)
    /// No answer to a submit from which anything follows.
    case lost(isCharged: Bool)
    /// The picture is made, charged and marked as unfit.
    case marked
    /// A question about a job was not answered.
    case unanswered
    /// The picture is made and charged, and did not come whole.
    case spoilt

    /// Nil for a fault that this table does not know yet.
    init?(_ cell: MatrixCell) {
        let meaning =
            switch cell.moment {
            case .submit: Self.ofSubmit(cell.fault, cell.subject)
            case .poll: Self.ofPoll(cell.fault, cell.subject.kind)
            case .fetch: FaultMeaning.spoilt
            case .cancel: FaultMeaning.unanswered
            }
        guard let meaning else { return nil }
        self = meaning
    }

    private static func ofSubmit(_ fault: Fault, _ subject: MatrixSubject) -> FaultMeaning? {
        let kind = subject.kind
        switch (fault, kind) {
        case (.priceChange, _), (.duplicateCallback, _): return .well
        case (.busy, _): return .refused(.busy)
        case (.status(401), _), (.noCredit, _): return .refused(.settings)
        case (.flagged, .novita), (.flagged, .highway): return .marked
        case (.flagged, _): return .refused(.moderated)
        case (.failed, _) where kind != .openaiImages: return .refused(.failed)
        // One's own engine did not make it, and that is all that there is to know.
        case (.failed, _), (.status(500), .openaiImages), (.garbage, .openaiImages), (.wrongType, _), (.truncated, _):
            let isCharged = fault != .failed && fault != .status(500)
            return subject.bills ? .lost(isCharged: isCharged) : .refused(.failed)
        // Their own words for having done nothing: CREATE_TASK_FAILED, SERVICE_NOT_AVAILABLE, upstream_error.
        case (.status(500), .novita), (.status(502), .unified): return .refused(.away)
        case (.status(503), _) where kind != .zimageturbo: return .refused(.away)
        case (.status, _), (.hang, _), (.resetBefore, _): return .lost(isCharged: false)
        case (.slow, _), (.hangAfter, _), (.resetAfter, _), (.badGatewayAfter, _), (.garbage, _): return .lost(isCharged: true)
        case (.missing, _), (.expiredLink, _): return nil
        }
    }

    private static func ofPoll(_ fault: Fault, _ kind: ProviderKind) -> FaultMeaning? {
        switch fault {
        case .priceChange: .well
        case .failed: .refused(.failed)
        case .flagged: [.novita, .highway].contains(kind) ? .marked : .refused(.moderated)
        case .slow, .busy, .status, .hang, .resetBefore, .resetAfter, .garbage, .missing: .unanswered
        default: nil
        }
    }
}

/// How a cell has to end.
struct MatrixRule {
    private enum Outcome {
        case completed, failed(TaskFailure)
        /// It is put aside until somebody can take it, and fails when that has lasted too long.
        case waits
    }

    private let cell: MatrixCell
    private var outcome = Outcome.completed
    private(set) var story: [String] = []
    /// What is found out after the task has ended, in place of the story's last word.
    private var lateStory: [String]?
    private var charged = 0
    private var chargedBySecond = 0
    private var billed: Int64 = 0
    private var attemptAt: String?

    /// Nil for a fault that the table of meanings does not know.
    init?(_ cell: MatrixCell) {
        self.cell = cell
        guard let meaning = FaultMeaning(cell) else { return nil }
        switch meaning {
        case .well: make()
        case .refused(let word): refuse(word)
        case .lost(let isCharged): lose(isCharged)
        case .marked: keep(.policyViolation)
        case .spoilt: if cell.isAlways { keep(.serviceError) } else { make() }
        case .unanswered:
            make()
            guard cell.isAlways else { return }
            outcome = .failed(.timeout)
            lateStory = story
            story = ["faulty accepted"]
        }
    }

    /// Whether it ends by the deadline, so that this should be soon.
    var needsDeadline: Bool { if case .failed(.timeout) = outcome { true } else { false } }
    /// Whether its task is put aside for longer than anybody waits for here.
    var waits: Bool { if case .waits = outcome { true } else { false } }
    /// How many submits it has by then at least.
    var submitsMin: Int { story.last?.hasSuffix("...") == true ? 2 : 1 }

    private mutating func make() {
        story.append("faulty made")
        charged = 1
        attemptAt = "faulty"
        let isTold = cell.fault == .priceChange && cell.subject.kind == .unified
        billed = cell.subject.price.micro * (isTold ? 2 : 1)
    }

    /// The picture is paid for and not delivered; nobody else is paid for another.
    private mutating func keep(_ failure: TaskFailure) {
        make()
        outcome = .failed(failure)
    }

    private mutating func refuse(_ word: FaultWord) {
        let line = "faulty refused \(word.rawValue)"
        story = [line]
        switch word {
        case .moderated:
            outcome = .failed(.policyViolation)
            attemptAt = "faulty"
        case _ where cell.hasSecond:
            story.append("second made")
            chargedBySecond = 1
            attemptAt = "second"
        case .failed:
            outcome = .failed(.generationFailed)
            attemptAt = "faulty"
        case .settings: outcome = .waits
        case _ where cell.isAlways:
            story = [line + " ..."]
            outcome = .waits
        default: make()
        }
    }

    private mutating func lose(_ isCharged: Bool) {
        if !cell.subject.bills { return refuse(.away) }
        // A submit that may be repeated is found again, unless it is never answered.
        if cell.subject.kind == .unified, !cell.isAlways { return make() }
        outcome = .failed(.timeout)
        story = ["faulty abandoned unknown"]
        charged = isCharged ? 1 : 0
        billed = cell.subject.price.micro
        attemptAt = "faulty"
    }

    /// How it ends, once all that is late has been asked for.
    var end: CellEnd {
        let task: [String?] =
            switch outcome {
            case .completed: ["completed", nil, "26000"]
            case .failed(let failure): ["failed", failure.rawValue, "0"]
            case .waits: ["failed", TaskFailure.noProvider.rawValue, "0"]
            }
        var bills: [String] = []
        if billed > 0 { bills.append("faulty \(cell.subject.bills ? "\(billed)" : "-")") }
        if chargedBySecond > 0 { bills.append("second \(MatrixRun.secondPrice)") }
        return CellEnd(
            task: task, story: lateStory ?? story, attempt: [task[0], attemptAt],
            charged: [cell.subject.bills ? charged : nil, chargedBySecond], bills: bills)
    }
}
