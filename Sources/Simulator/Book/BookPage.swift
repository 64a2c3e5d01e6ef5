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

/// What the provider bills, as a file for `zadmin reconcile provider NAME --invoice FILE`. No provider documents the columns of
/// an invoice, so they are the plain ones for every kind.
struct InvoicePage {
    let jobs: [SimulatedJob]

    /// Each job that is paid for.
    var csv: String {
        (["task_id,amount,currency,created_at"] + jobs.filter(\.isCharged).map(line)).map { $0 + "\n" }.joined()
    }

    private func line(_ job: SimulatedJob) -> String {
        "\(job.id),\(job.cost.amount),\(job.cost.currency),\(SimulatedTime.text(job.createdAt))"
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
