import Domain
import Foundation
import Providers

/// The book as programs read it.
struct BookPage {
    let kind: ProviderKind
    let book: JobBook
    let script: FaultScript

    /// `GET /_simulator`.
    var json: JSON {
        let jobs = Dictionary(uniqueKeysWithValues: book.jobs.map { ($0.id, $0) })
        return .object([
            ("kind", .string(kind.rawValue)), ("charged", .int(Int64(book.charged))), ("polls", calls(.poll)),
            ("fetches", calls(.fetch)), ("cancels", calls(.cancel)), ("callbacks", .int(Int64(book.callbacks))),
            ("balance", book.balance.map { .int(Int64($0)) } ?? .null),
            ("faults", .array(script.faults.map { .string($0.description) })),
            ("submits", .array(book.submits.map { submit($0, $0.id.flatMap { jobs[$0] }) })),
        ])
    }

    private func calls(_ moment: Moment) -> JSON { .int(Int64(book.calls(moment))) }

    private func submit(_ submit: SimulatedSubmit, _ job: SimulatedJob?) -> JSON {
        // A job is charged once, so of all submits that mean it only the one that made it is.
        let isCharged = (job?.isCharged ?? false) && submit.outcome != .replayed
        return .object([
            ("n", .int(Int64(submit.number))), ("id", .optional(submit.id)), ("prompt", .string(submit.prompt)),
            ("idempotency_key", .optional(submit.idempotencyKey)), ("charged", .bool(isCharged)),
            ("amount", isCharged ? .optional(job?.cost.amount) : .string("0")), ("currency", .optional(job?.cost.currency)),
            ("outcome", .string(submit.outcome.rawValue)), ("state", .optional(job?.state(at: book.now()).rawValue)),
            ("fault", .optional(submit.fault?.text)), ("reason", .optional(submit.reason)),
            ("fields", .string(submit.fields)),
        ])
    }
}

/// What the provider bills, as a file for `zadmin reconcile provider --invoice FILE --kind KIND`.
struct InvoicePage {
    let kind: ProviderKind
    let jobs: [SimulatedJob]

    /// Each job that is paid for, in the columns of its kind.
    var csv: String {
        ([head] + jobs.filter(\.isCharged).map(line)).map { $0 + "\n" }.joined()
    }

    private var head: String {
        switch kind {
        case .novita, .highway, .zimageturbo: "task_id,amount,created_at,status"
        case .unified: "id,usd,created_at,status"
        case .openaiImages: "request_id,amount,currency,created_at"
        }
    }

    private func line(_ job: SimulatedJob) -> String {
        let time = SimulatedTime.text(job.createdAt)
        switch kind {
        // Ten-thousandths of a dollar, rounded half up.
        case .novita, .highway: return "\(job.id),\((job.cost.micro + 50) / 100),\(time),TASK_STATUS_SUCCEED"
        case .unified: return "\(job.id),\(job.cost.amount),\(time),completed"
        case .zimageturbo: return "\(job.id),\(job.cost.amount),\(time),SUCCESS"
        case .openaiImages: return "\(job.id),\(job.cost.amount),\(job.cost.currency.lowercased()),\(time)"
        }
    }
}

enum SimulatedTime {
    /// `2026-11-03 12:00:00` in UTC, without a zone.
    static func text(_ date: Date) -> String {
        date.formatted(.iso8601.year().month().day().dateTimeSeparator(.space).time(includingFractionalSeconds: false))
    }

    static func seconds(_ date: Date) -> JSON { .int(Int64(date.timeIntervalSince1970)) }

    static func milliseconds(_ date: Date) -> JSON { .string("\(Int64(date.timeIntervalSince1970 * 1000))") }
}
