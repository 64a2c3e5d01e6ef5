public import Domain
public import Foundation

/// What a wallet holds at a moment: credits that can be used, and credits set aside for live tasks.
public struct StatementBalance: Sendable, Equatable {
    /// Credits that can be reserved.
    public var available: Credits
    /// Credits set aside.
    public var reserved: Credits
    /// Both: what is the customer's.
    public var total: Credits { Credits(micro: available.micro + reserved.micro) }

    /// A balance, or a change of one.
    public init(available: Credits, reserved: Credits) {
        self.available = available
        self.reserved = reserved
    }

    static let zero = StatementBalance(available: .zero, reserved: .zero)

    static func + (left: Self, right: Self) -> Self {
        StatementBalance(
            available: Credits(micro: left.available.micro + right.available.micro),
            reserved: Credits(micro: left.reserved.micro + right.reserved.micro))
    }
}

/// All entries of one kind in the month, and how they changed the balance.
public struct StatementMovement: Sendable, Equatable {
    /// The kind of the entries, such as `grant`.
    public let kind: String
    /// How many there are.
    public let count: Int64
    /// What they added to the balance, or took away.
    public let change: StatementBalance
}

/// What the completed tasks of one day and model cost.
public struct StatementUse: Sendable, Equatable {
    /// The day in UTC, such as `2026-11-03`.
    public let day: String
    /// The model's name.
    public let model: String
    /// Tasks.
    public let count: Int64
    /// What they cost.
    public let settled: Credits
}

/// The entries of a wallet that are alike, added up by the database.
struct EntrySum: Sendable {
    /// Where their time lies.
    enum Phase: String { case before, during, after }

    let phase: Phase
    let kind: String
    /// The ledger account that they left, and the one that they went to.
    let debit, credit: String
    /// For tasks that were settled in the month.
    let day, model: String?
    let count: Int64
    let amount: Int64

    /// What they did to the balance.
    var change: StatementBalance {
        func change(of account: String) -> Credits {
            Credits(micro: (credit == account ? amount : 0) - (debit == account ? amount : 0))
        }
        return StatementBalance(available: change(of: "available"), reserved: change(of: "reserved"))
    }
}

/// The entries of a wallet do not add up to its balance, so no statement of it can be right.
public struct StatementMismatch: Error, Equatable, CustomStringConvertible {
    let account: String
    let entries: StatementBalance
    let wallet: StatementBalance

    public var description: String {
        "the entries of \(account) add up to \(entries.available) available and \(entries.reserved) reserved, its balance "
            + "says \(wallet.available) and \(wallet.reserved): run `zadmin reconcile ledger`"
    }
}

/// An account's month: what it had, what came and went, what it had then.
///
/// All of it is added up from the wallet's entries since the first one, none of it is taken from the balance that the
/// service works with. That balance is the proof: opening, movements and what came later must add up to it.
public struct MonthlyStatement: Sendable, Equatable {
    /// The account's name.
    public let account: String
    /// Its user group now.
    public let group: String
    /// Live or test credits.
    public let mode: AccountMode
    /// The month.
    public let month: StatementMonth
    /// When it was made.
    public let madeAt: Date
    /// The balance at the month's first moment.
    public let opening: StatementBalance
    /// What changed it, one line a kind of entry.
    public let movements: [StatementMovement]
    /// What was settled, by day and model; part of the movement `settle`.
    public let uses: [StatementUse]
    /// The balance at the month's end, or now if it is not over.
    public let closing: StatementBalance

    /// Whether the month is over.
    public var isFinal: Bool { madeAt >= month.to }

    init(_ owner: StatementOwner, month: StatementMonth, sums: [EntrySum]) throws(StatementMismatch) {
        func total(_ sums: [EntrySum]) -> StatementBalance { sums.reduce(.zero) { $0 + $1.change } }
        let during = sums.filter { $0.phase == .during }
        opening = total(sums.filter { $0.phase == .before })
        closing = opening + total(during)
        let now = closing + total(sums.filter { $0.phase == .after })
        guard now == owner.balance else {
            throw StatementMismatch(account: owner.account, entries: now, wallet: owner.balance)
        }
        movements = Dictionary(grouping: during, by: \.kind)
            .map { StatementMovement(kind: $0, count: $1.reduce(0) { $0 + $1.count }, change: total($1)) }
            .sorted { Self.place($0.kind) < Self.place($1.kind) }
        uses = during.compactMap { sum in
            guard let day = sum.day, let model = sum.model else { return nil }
            return StatementUse(day: day, model: model, count: sum.count, settled: Credits(micro: sum.amount))
        }.sorted { ($0.day, $0.model) < ($1.day, $1.model) }
        (account, group, mode, madeAt) = (owner.account, owner.group, owner.mode, owner.at)
        self.month = month
    }

    /// What comes in, then what operators did, then the life of tasks, then what ran out. Kinds that this list does not
    /// know stand among what operators did.
    private static func place(_ kind: String) -> (Int, String) {
        let known = ["grant": 0, "reserve": 2, "settle": 3, "remainder": 4, "refund": 5, "expire": 6]
        return (known[kind] ?? 1, kind)
    }
}

/// Whose statement it is, and what the service says the balance is.
struct StatementOwner: Sendable {
    let walletID: Int64
    let account: String
    let group: String
    let mode: AccountMode
    let balance: StatementBalance
    /// The database's clock.
    let at: Date
}
