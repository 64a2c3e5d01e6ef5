import Domain
public import Foundation
public import Postgres

/// Which invoice is to be compared with what.
public struct InvoicePlan: Sendable {
    /// Whose invoice it is, as attempts name the provider.
    public let provider: String
    /// The first moment of the period.
    public let from: Date
    /// The first moment after it.
    public let to: Date
    /// The file's name, for the record.
    public let file: String

    /// A comparison; `from` is before `to`.
    public init(provider: String, from: Date, to: Date, file: String) {
        self.provider = provider
        self.from = from
        self.to = to
        self.file = file
    }
}

/// Compares providers' invoices with the attempts, and keeps what it found.
public struct InvoiceBook: Sendable {
    /// The book has no state.
    public init() {}

    /// Loads an invoice, compares it and keeps the result; the lines themselves are gone with the transaction. The same
    /// file again for the same provider and period replaces its record.
    /// - Returns: the run's number.
    /// - Throws: ``InvoiceError``, ``CSVError`` or what the feed's source throws, and then nothing is kept.
    public func reconcile(_ plan: InvoicePlan, _ feed: InvoiceFeed, in transaction: Transaction) async throws -> Int64 {
        let known = try await providers(in: transaction)
        guard known.contains(plan.provider) else { throw InvoiceError.providerUnknown(plan.provider, known: known) }
        try await transaction.execute(InvoiceStatements.patience)
        try await transaction.execute(InvoiceStatements.open)
        try await transaction.copyIn(InvoiceStatements.copy) { try feed.nextChunk() }
        let format = feed.formatRead
        let parameters = [
            Parameter(plan.provider), Parameter(plan.from), Parameter(plan.to), Parameter(Bytes(feed.digest)),
            Parameter(plan.file), Parameter(JSONText(format.json.text)), Parameter(feed.skipped),
            Parameter(format.currency), Parameter(Int32(format.roundingDecimals)),
        ]
        return try await transaction.one(InvoiceStatements.close, parameters) { (row) throws(PostgresError) in
            try row.get(0, as: Int64.self)
        }
    }

    /// A kept result; the one that was compared last where no number is given; nil when there is none.
    public func result(_ id: Int64?, in session: any Session) async throws(PostgresError) -> InvoiceResult? {
        guard let run = try await session.first(InvoiceStatements.run, [Parameter(id)], decode: Self.run) else { return nil }
        let sums = try await session.query(InvoiceStatements.sums, [Parameter(run.id)]) { (row) throws(PostgresError) in
            InvoiceSum(
                kind: InvoiceFindingKind(rawValue: try row.get(0)), currency: try row.get(1),
                expectedCurrency: try row.get(2), found: try row.get(3), billed: try row.get(4), expected: try row.get(5))
        }
        let findings = try await session.query(InvoiceStatements.findings, [Parameter(run.id)], decode: Self.finding)
        return InvoiceResult(run: run, sums: sums, findings: findings)
    }

    /// The newest results, at most 200, with the number of things that are off.
    public func runs(provider: String?, in session: any Session) async throws(PostgresError) -> [(InvoiceRun, off: Int64)] {
        try await session.query(InvoiceStatements.runs, [Parameter(provider)]) { (row) throws(PostgresError) in
            (try Self.run(row), off: try row.get(12))
        }
    }

    /// Every provider that an attempt was made at, at most a thousand.
    func providers(in session: any Session) async throws(PostgresError) -> [String] {
        try await session.query(InvoiceStatements.providers, []) { (row) throws(PostgresError) in try row.get(0) }
    }

    @Sendable private static func run(_ row: Row) throws(PostgresError) -> InvoiceRun {
        InvoiceRun(
            id: try row.get(0), provider: try row.get(1), from: try row.get(2), to: try row.get(3),
            digest: try row.get(4), file: try row.get(5), formatText: try row.get(6, as: JSONText.self).string,
            lines: try row.get(7), skipped: try row.get(8), firstComparedAt: try row.get(9), comparedAt: try row.get(10),
            timesCompared: try row.get(11))
    }

    @Sendable private static func finding(_ row: Row) throws(PostgresError) -> InvoiceFinding {
        guard let kind = InvoiceFindingKind(rawValue: try row.get(0)) else { throw .unexpectedContent(of: "kind") }
        return InvoiceFinding(
            kind: kind, line: try row.get(1), providerTaskID: try row.get(2), billed: try row.get(3),
            currency: try row.get(4), billedAt: try row.get(5), expected: try row.get(6),
            expectedCurrency: try row.get(7), taskID: try row.get(8), taskCreatedAt: try row.get(9),
            endedAt: try row.get(10))
    }
}
