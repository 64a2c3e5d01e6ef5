import Domain
import Logging
import Postgres
import Providers
import Queue

/// The kind of a fault in one word, as it is written down.
enum FaultWord: String, Sendable {
    case job, moderated, settings, busy, away, failed, cancelled, unknown

    init(_ fault: ProviderFault) {
        switch fault.kind {
        case .job: self = .job
        case .moderated: self = .moderated
        case .settings: self = .settings
        case .busy: self = .busy
        case .away: self = .away
        case .failed: self = .failed
        }
    }
}

extension ProviderFault {
    /// What the customer is told when the task fails because of it.
    var taskFailure: TaskFailure {
        switch kind {
        case .moderated: .policyViolation
        case .job, .failed: .generationFailed
        case .settings, .busy, .away: .serviceError
        }
    }
}

/// Writes submits down although the database may be away for a while, and although the attempt may have been given up: what is
/// true of a provider must not be lost.
struct SubmitDesk: Sendable {
    private static let patienceSeconds = 60.0

    private let pool: ConnectionPool
    private let book = SubmitBook()
    private let logger: Logger

    init(_ pool: ConnectionPool, logger: Logger) {
        self.pool = pool
        self.logger = logger
    }

    /// Writes down that a submit is about to leave. When the answer of the database is lost, what was written is taken back.
    func begin(_ order: PictureOrder, _ route: ChosenRoute, _ reference: String) async throws -> SubmitVerdict {
        let (lease, picture) = (order.task.lease.value, order.picture)
        do {
            return try await book.begin(
                lease: lease, picture: picture, provider: route.id, canCancel: route.provider.capabilities.cancels,
                cost: route.cost, reference: reference, in: pool)
        } catch {
            logger.warning("cannot write a submit down", metadata: ["error": "\(error)"])
            for stored in try await submits(of: order.task.id)
            where stored.lease == lease && stored.picture == picture && stored.state == .intended {
                try await record(stored.id, .refused, fault: .away, message: "it never left")
            }
            throw NotMade.later(seconds: 1)
        }
    }

    func record(
        _ open: OpenSubmit, _ state: SubmitState, cost: ProviderCost? = nil, fault: FaultWord? = nil, message: String? = nil
    ) async throws {
        try await record(
            open.id, state, providerTaskID: open.providerTaskID, cost: cost, fault: fault, message: message)
    }

    func record(
        _ id: Int64, _ state: SubmitState, providerTaskID: String? = nil, cost: ProviderCost? = nil, fault: FaultWord? = nil,
        message: String? = nil
    ) async throws {
        try await surely { [book, pool] in
            _ = try await book.record(
                id, state, providerTaskID: providerTaskID, cost: cost, fault: fault?.rawValue, message: message, in: pool)
        }
    }

    func submits(of task: TaskID) async throws -> [StoredSubmit] {
        try await surely { [book, pool] in try await book.submits(of: task, in: pool) }
    }

    func submit(_ id: Int64) async throws -> StoredSubmit? {
        try await surely { [book, pool] in try await book.submit(id, in: pool) }
    }

    private func surely<Value: Sendable>(_ work: @escaping @Sendable () async throws -> Value) async throws -> Value {
        // A task of its own, which is not cancelled with the attempt.
        try await Task { [logger] in
            let deadline = ContinuousClock.now + .seconds(Self.patienceSeconds)
            while true {
                do { return try await work() } catch {
                    logger.warning("cannot keep the book of submits", metadata: ["error": "\(error)"])
                    guard (error as? PostgresError)?.isUnavailable == true, ContinuousClock.now < deadline else { throw error }
                    try await Task.sleep(for: .milliseconds(200))
                }
            }
        }.value
    }
}
