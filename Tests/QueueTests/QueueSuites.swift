import Domain
import Queue
import TestSupport
import Testing

/// The suites of this module run one test at a time, so that all modules together stay below the connections of the
/// one cluster that they share.
@Suite(.serialized, .timeLimit(.minutes(5))) enum QueueSuites {}

let queue = TaskQueue(leaseSeconds: 60)

extension TestDatabase {
    func claim(_ limit: Int, node: String = "node", after wallet: Int64 = 0) async throws -> [ClaimedTask] {
        try await queue.claim(node: node, limit: limit, afterWallet: wallet, in: pool)
    }

    func close(_ endings: [Ending]) async throws -> [Lease: CloseVerdict] { try await queue.close(endings, in: pool) }

    /// Makes the leases run out, as if their node had been silent for long.
    func expire(_ leases: [Lease]) async throws {
        let list = leases.map { "\($0.value)" }.joined(separator: ",")
        try await rows("update leases set until = clock_timestamp() - interval '1 second' where lease in (\(list))")
    }

    func task(_ id: TaskID, _ columns: String) async throws -> [String?] {
        try await rows("select \(columns) from tasks where id = \(id.value)")[0]
    }

    /// Many accounts of a group at once, each with credit and a key of no use; their keys' numbers by wallet.
    func makeTenants(_ count: Int, group: String = "default") async throws -> [(key: Int64, wallet: Int64)] {
        let made = try await rows(
            """
            with made as materialized (
                select create_account('\(group)-' || n, g.id, 'test') account
                from user_groups g, generate_series(1, \(count)) n where g.name = '\(group)')
            select count(account) from made
            """)
        #expect(made == [["\(count)"]])
        let keys = try await rows(
            """
            with live as materialized (
                select w.id, w.account_id from wallets w join accounts a on a.id = w.account_id
                    join user_groups g on g.id = a.group_id
                where w.mode = 'live' and g.name = '\(group)' and w.granted = 0),
            granted as materialized (select id, account_id, grant_credits(id, 10000000, null, 'test', 'test') from live)
            insert into api_keys (selector, account_id, wallet_id, mode, name, hash, hint)
            select 'selector-' || id, account_id, id, 'live', 'test', '$argon2id$none', 'none' from granted order by id
            returning id, wallet_id
            """)
        return keys.compactMap { row in
            let numbers = row.compactMap { $0.flatMap { Int64($0) } }
            return numbers.count == 2 ? (numbers[0], numbers[1]) : nil
        }
    }
}

extension Ending {
    static func completed(_ lease: Lease, units: Int = 0, provider: String? = "sandbox") -> Ending {
        let image = TaskImage(
            path: "1/\(lease.value)-0.png", format: .png, size: ImageSize(width: 376, height: 376), bytes: 9)
        return Ending(lease: lease, outcome: .completed(images: [image]), units: units, provider: provider)
    }

    static func failed(_ lease: Lease) -> Ending {
        let failure = TaskFailure.serviceError
        return Ending(
            lease: lease, outcome: .failed(code: failure.rawValue, message: failure.message), units: 0, provider: nil)
    }
}
