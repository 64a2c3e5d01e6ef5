import Domain
import Foundation
import Providers

/// One wire format, read from its documents.
protocol Dialect: Sendable {
    /// What a request asks for; nil when there is no such route.
    func purpose(of call: Call) -> Purpose?
    /// Reads and checks a submit. Pictures to start from are made ready.
    func order(_ call: Call) async throws(Refusal) -> (SimulatedOrder, PreparedInputs?)
    /// A new id for a job.
    func makeID() -> String
    /// The answer to a submit.
    func accepted(_ job: SimulatedJob, isReplay: Bool) -> Reply
    /// The answer to a poll.
    func status(_ job: SimulatedJob) async -> Reply
    /// The answer to a cancel that came in time.
    func cancelled(_ job: SimulatedJob) async -> Reply
    /// An error.
    func refused(_ refusal: Refusal) -> Reply
    /// What the end of a job is told with.
    func callback(_ job: SimulatedJob) -> JSON
    /// Why content is refused, for jobs that end failed because of it; nil where the picture comes with a mark.
    var unfitFailure: String? { get }
    /// Why a job fails for no reason of the caller's.
    var failure: String { get }
    /// The key of a submit that may be repeated.
    func idempotencyKey(_ call: Call) -> String?
    var callbackTimeoutSeconds: Double { get }
    /// The pauses before the repeats of a callback, in seconds.
    var callbackWaitsSeconds: [Double] { get }
}

extension Dialect {
    func cancelled(_ job: SimulatedJob) async -> Reply { await status(job) }
    func callback(_ job: SimulatedJob) -> JSON { .null }
    func idempotencyKey(_ call: Call) -> String? { nil }
    var callbackTimeoutSeconds: Double { 5 }
    var callbackWaitsSeconds: [Double] { [] }
}

/// What a dialect needs to know of the simulator around it.
struct DialectSettings: Sendable {
    let kind: ProviderKind
    let quirks: Set<Quirk>
    let price: ProviderCost
    /// How long a link lives, in seconds.
    let linkSeconds: Int
    let address: ServerAddress
    let book: JobBook
    let pictures: Pictures

    func has(_ quirk: Quirk) -> Bool { quirks.contains(quirk) }

    var now: Date { book.now() }

    /// A link to the picture of a job, good from now on.
    func link(_ job: SimulatedJob) -> String {
        let expires = Int(now.timeIntervalSince1970) + linkSeconds
        return "\(address.url)/files/\(job.id).\(job.order.format.rawValue)?expires=\(expires)&generation=\(job.linkGeneration)"
    }

    /// A number, or the same as a text.
    func number(_ digits: String) -> JSON { has(.numbersAsStrings) ? .string(digits) : .raw(digits) }

    func number(_ number: Int) -> JSON { self.number("\(number)") }

    /// `{"code":..}` without what is nil.
    static func object(_ members: [(String, JSON?)]) -> JSON {
        .object(members.compactMap { name, value in value.map { (name, $0) } })
    }
}

/// Any of the letters and digits that ids are made of.
func randomText(_ count: Int) -> String {
    String((0..<count).map { _ in "0123456789abcdefghijklmnopqrstuvwxyz".randomElement() ?? "0" })
}
